package cli

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"gastown/cmd/bd/elsewhere"
	"gastown/cmd/internal/shell"
)

// taught matches a command in a text: in a line of its own, or between backticks.
var taught = regexp.MustCompile("(?m)^    (bd [^#\n]*?) *(?:#.*)?$|`(bd [^`]+)`")

// runTaught runs each command that a text teaches, on beads of its own.
func (p place) runTaught(text string, least int) {
	p.t.Helper()
	n := 0
	for _, m := range taught.FindAllStringSubmatch(text, -1) {
		line := m[1] + m[2]
		id, other := p.id("one"), p.id("other")
		line = regexp.MustCompile(`\bID\b`).ReplaceAllString(line, id)
		line = regexp.MustCompile(`\bOTHER\b`).ReplaceAllString(line, other)
		if code, out, said := p.run(words(p.t, line)[1:]...); code != shell.ExitOK {
			p.t.Errorf("%s: exit %d: %s%s", line, code, out, said)
		}
		n++
	}
	if n < least {
		p.t.Errorf("only %d commands in %s", n, text)
	}
}

// Whatever bd teaches works as it is written there.
func TestWhatIsTaughtRuns(t *testing.T) {
	p := newPlace(t)
	p.runTaught(p.must("onboard"), 5)
	p.runTaught(p.must("quickstart"), 15)
}

// A word of the public bd that is no command here ends with 1 and one line, whatever
// follows it. Its help is information, and ends with 0.
func TestWordsOfThePublicBd(t *testing.T) {
	p := placeAt(t, t.TempDir())
	for _, w := range elsewhere.Words() {
		code, out, said := p.run(w, "list", "--force", "-x", "a")
		if code != shell.ExitFailed || out != "" || strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "bd: no "+w+" here: ") {
			t.Errorf("bd %s: exit %d: %s%s", w, code, out, said)
		}
		var failure shell.Failure
		if _, out, _ := p.run(w, "--json"); json.Unmarshal([]byte(out), &failure) != nil || failure.Exit != 1 {
			t.Errorf("bd %s --json: %s", w, out)
		}
		if code, out, _ := p.run(w, "--help"); code != 0 || !strings.Contains(out, "No command here: ") {
			t.Errorf("bd %s --help: exit %d: %s", w, code, out)
		}
	}
	help := p.must("--help")
	if strings.Contains(help, "merge-slot [<flags>]") || !strings.Contains(help, "merge-slot,") {
		t.Errorf("the main help shows hidden words, or does not list them: %s", help)
	}
}
