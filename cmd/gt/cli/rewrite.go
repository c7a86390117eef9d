package cli

import "strings"

// rewrite takes gt config.KEY VALUE, which people know from a document, for
// gt config KEY VALUE.
func rewrite(args []string) []string {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--town" || arg == "--wait" {
			i++ // its value
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
