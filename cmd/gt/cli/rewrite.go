package cli

import "strings"

// rewrite turns gt config.KEY VALUE into gt config KEY VALUE.
func rewrite(args []string) []string {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--town" || arg == "--wait" {
			i++ // skip the flag's value
			continue
		}
		if key, ok := strings.CutPrefix(arg, "config."); ok && key != "" {
			return append(append(append([]string{}, args[:i]...), "config", key), args[i+1:]...)
		}
		if !strings.HasPrefix(arg, "-") {
			break
		}
	}
	return args
}
