package cli

import (
	"slices"
	"strings"

	"gastown/cmd/gt/escalate"
)

// rewrite turns gt config.KEY VALUE into gt config KEY VALUE, and gt escalate TEXT into gt
// escalate raise TEXT.
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
		if arg == "escalate" && escalates(args[i+1:]) {
			return append(append(append([]string{}, args[:i+1]...), "raise"), args[i+1:]...)
		}
		if !strings.HasPrefix(arg, "-") {
			break
		}
	}
	return args
}

// escalates reports whether what follows gt escalate is a text with its flags, and not
// the name of a command.
func escalates(args []string) bool {
	for _, arg := range args {
		switch {
		case arg == "--json", arg == "--quiet", arg == "-q", arg == "--no-color":
			continue
		case arg == "--help", arg == "-h", slices.Contains(escalate.Words, arg):
			return false
		}
		return true
	}
	return false
}
