package rig

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/shlex"

	"gastown/town"
	"gastown/town/rig"
)

// shellWords are words that only a shell understands.
var shellWords = []string{"&&", "||", "|", ";", "&", ">", ">>", "<", "2>&1"}

// parseChecks splits commands into words as a shell does. No shell is ever started, so
// a command that needs one is refused.
func parseChecks(commands []string) (checks []rig.Check, err error) {
	names := map[string]int{}
	for _, text := range commands {
		op := fmt.Sprintf("use %q as a check", town.Clip(text, 120))
		words, err := shlex.Split(text)
		if err != nil || len(words) == 0 {
			return nil, town.Fail(op, "quote it as for a shell", "%w: it cannot be split into words", town.ErrUsage)
		}
		if i := slices.IndexFunc(words, func(w string) bool { return slices.Contains(shellWords, w) || strings.HasSuffix(w, ";") }); i >= 0 {
			return nil, town.Fail(op, "give each command with a --check of its own, or put them in a script", "%w: no shell is started, so %q would be an argument", town.ErrUsage, words[i])
		}
		name := checkName(words)
		if names[name]++; names[name] > 1 {
			name = fmt.Sprintf("%s-%d", name, names[name])
		}
		checks = append(checks, rig.Check{Name: name, Command: words})
	}
	return checks, nil
}

// checkName makes a check's name of its command: "make test" is test, "./ci.sh" is ci.
func checkName(words []string) string {
	last := words[0]
	for _, w := range words[1:] {
		if !strings.HasPrefix(w, "-") && town.CheckHandle("check", w) == nil {
			last = w
			break
		}
	}
	name := strings.TrimSuffix(filepath.Base(last), filepath.Ext(last))
	if town.CheckHandle("check", name) != nil {
		return "check"
	}
	return name
}
