package cli

import (
	"slices"
	"strings"

	"gastown/cmd/bd/elsewhere"
)

// rewrite translates forms of the public bd into arguments that the parser knows.
func rewrite(args []string) []string { return elsewhere.Rewrite(blocks(formatJSON(args))) }

// formatJSON replaces --format json, which is another name of --json.
func formatJSON(args []string) []string {
	for i, arg := range args {
		switch {
		case arg == "--":
			return args
		case arg == "--format=json":
			return slices.Concat(args[:i], []string{"--json"}, args[i+1:])
		case arg == "--format" && i+1 < len(args) && args[i+1] == "json":
			return slices.Concat(args[:i], []string{"--json"}, args[i+2:])
		}
	}
	return args
}

// blocks turns bd dep ID --blocks OTHER into bd dep add OTHER ID, and bd dep ID
// --blocked-by OTHER into bd dep add ID OTHER.
func blocks(args []string) []string {
	i := elsewhere.Command(args)
	if len(args)-i < 3 || args[i] != "dep" || strings.HasPrefix(args[i+1], "-") {
		return args
	}
	flag, other, valued := strings.Cut(args[i+2], "=")
	rest := args[i+3:]
	if !valued {
		if len(rest) == 0 {
			return args
		}
		other, rest = rest[0], rest[1:]
	}
	switch flag {
	case "--blocks", "-b":
		return slices.Concat(args[:i], []string{"dep", "add", other, args[i+1]}, rest)
	case "--blocked-by", "--depends-on":
		return slices.Concat(args[:i], []string{"dep", "add", args[i+1], other}, rest)
	}
	return args
}
