package cli

import (
	"regexp"
	"strings"
	"testing"

	"gastown/cmd/bd/elsewhere"
	"gastown/cmd/gt/internal/gttest"
	"gastown/cmd/internal/shell"
)

var command = regexp.MustCompile(`\bgt ([a-z]+(?: [a-z]+)?(?: [a-z]+)?)`)

// What bd says of words that are no commands of its own names commands of gt that exist.
func TestBdNamesCommandsOfGt(t *testing.T) {
	group := func(table map[string]shell.Command, name string) bool {
		for key := range table {
			if strings.HasPrefix(key, name+" ") {
				return true
			}
		}
		return false
	}
	table := Program(gttest.Towns{}.Invocation()).Table()
	found := 0
	for _, word := range elsewhere.Words() {
		for _, m := range command.FindAllStringSubmatch(elsewhere.Answer(word), -1) {
			found++
			words := strings.Fields(m[1])
			known := false
			for n := len(words); n > 0; n-- {
				name := strings.Join(words[:n], " ")
				_, ok := table[name]
				known = known || ok || n > 1 && group(table, name)
			}
			if !known {
				t.Errorf("%s: there is no gt %s", word, m[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("%d commands of gt are named", found)
	}
	for word, want := range map[string]string{"mail": "gt mail send", "formula": "gt sling ID RIG --formula", "agent": "gt agents", "heartbeat": "gt heartbeat", "worktree": "gt sling"} {
		if !strings.Contains(elsewhere.Answer(word), want) {
			t.Errorf("%s does not name %s: %s", word, want, elsewhere.Answer(word))
		}
	}
}
