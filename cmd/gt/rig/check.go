package rig

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/google/shlex"

	"gastown/town"
	"gastown/town/rig"
)

// shellWords are words that only a shell understands.
var shellWords = []string{"&&", "||", "|", ";", "&", ">", ">>", "<", "2>&1"}

// parseChecks splits commands into words as a shell does. No shell is ever started, so
// a command that needs one is refused.
func parseChecks(commands []string) (checks []rig.Check, err error) {
	taken := map[string]bool{}
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
		for first, n := name, 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d", first[:min(len(first), 60)], n)
		}
		taken[name] = true
		checks = append(checks, rig.Check{Name: name, Command: words})
	}
	return checks, nil
}

// Words that say nothing about a check: wrappers start the program that follows them,
// programs such as interpreters and runners do what a later word says.
var (
	wrappers = []string{"env", "nice", "nohup", "time", "timeout", "xvfb-run"}
	verbs    = []string{"run", "exec", "x", "dlx"}
)

// checkName makes a check's name of its command: "make test" is test, "npm run lint" is
// lint, "./ci.sh" and "sh tools/ci.sh" are ci. The first word after the program tells
// most, and else the program itself.
func checkName(words []string) string {
	for len(words) > 1 && slices.Contains(wrappers, words[0]) {
		for words = words[1:]; len(words) > 1 && (telling(words[0]) == "" || strings.HasPrefix(words[0], "-")); {
			words = words[1:]
		}
	}
	for _, w := range words[1:] {
		if name := telling(w); name != "" && !strings.HasPrefix(w, "-") && !slices.Contains(verbs, w) {
			return name
		}
	}
	return cmp.Or(telling(words[0]), "check")
}

// telling is the name in a word, or in the path of a script; "" without one.
func telling(word string) string {
	name := filepath.Base(word)
	name = strings.TrimSuffix(name, filepath.Ext(name))
	if !strings.ContainsFunc(name, unicode.IsLetter) || town.CheckHandle("check", name) != nil {
		return ""
	}
	return name
}
