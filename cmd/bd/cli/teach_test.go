package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gastown/cmd/bd/elsewhere"
	"gastown/cmd/internal/shell"
	"gastown/town/layout"
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
	p.runTaught(p.must("prime"), 10)
	p.runTaught(p.must("onboard"), 5)
	p.runTaught(p.must("quickstart"), 15)
}

// bd prime names the caller, the Town, what the caller has begun and the Town's own
// rules, the most important first, in a text that fits every session.
func TestPrime(t *testing.T) {
	p := newPlace(t)
	rules := filepath.Join(layout.Town{Root: p.dir}.Files(), "templates", "prime.md")
	if err := os.WriteFile(rules, []byte("Speak to Ben first.\n"+strings.Repeat("And more.\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		p.must("remember", "fact "+strconv.Itoa(i)+" "+strings.Repeat("and so on ", 60), "--key", "fact-"+strconv.Itoa(i))
	}
	for range 9 {
		p.must("update", p.id(strings.Repeat("long ", 90)), "--claim")
	}
	out := p.must("prime")
	if len(out) > 4<<10 {
		t.Errorf("%d bytes", len(out))
	}
	at := 0
	for _, want := range []string{"You are Ada in the Town", p.dir, "You have begun bd-", "bd ready", "federation/roles/: boot, crew", "Speak to Ben first.", "fact-29: fact 29", "(clipped: bd recall fact-29)", " more: bd memories"} {
		i := strings.Index(out, want)
		if i < at {
			t.Errorf("%q is at %d, after %d: %s", want, i, at, out)
		}
		at = i
	}
	if n := strings.Count(out, "You have begun"); n != 5 {
		t.Errorf("%d beads", n)
	}
	in := p
	in.dir = filepath.Join(p.dir, "web", "src")
	if err := os.MkdirAll(in.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if out := in.must("--actor", "Ben", "prime"); !strings.Contains(out, "You are Ben, in the rig web, in the Town") || strings.Contains(out, "begun bd-") {
		t.Error(out)
	}
	var all struct {
		Actor, Text string
		Held        []struct{ ID string }
	}
	if p.json(&all, "prime"); all.Actor != "Ada" || all.Text != out || len(all.Held) != 5 {
		t.Errorf("%+v", all)
	}
}

// bd prime takes one query for the beads of the caller and one for the memories.
func TestPrimeCounts(t *testing.T) {
	p := newPlace(t)
	p.env = append(p.env, "GT_TRACE=1")
	for _, beads := range []int{0, 300} {
		if beads > 0 {
			list := make([]string, beads)
			for i := range list {
				list[i] = `{"id":"bd-` + strconv.Itoa(i) + `","title":"t","status":"in_progress","assignee":"Ada",` +
					`"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}`
			}
			if code, _, said := p.feed(strings.Join(list, "\n"), "import", "-"); code != 0 {
				t.Fatal(said)
			}
		}
		_, _, said := p.run("prime")
		if !strings.Contains(said, "trace queries 2\n") {
			t.Errorf("with %d beads: %s", beads, said)
		}
	}
}

// A session of an agent starts wherever it is: bd prime says what it does not know, and
// ends with 0.
func TestPrimeNeverFails(t *testing.T) {
	p := newPlace(t)
	t.Run("no Town", func(t *testing.T) {
		q := placeAt(t, t.TempDir())
		if out := q.must("prime"); strings.Count(out, "\n") != 1 || !strings.Contains(out, "bd init") {
			t.Error(out)
		}
		var hook struct {
			Output struct{ HookEventName, AdditionalContext string } `json:"hookSpecificOutput"`
		}
		if err := json.Unmarshal([]byte(q.must("prime", "--hook-json")), &hook); err != nil || hook.Output.HookEventName != "SessionStart" {
			t.Errorf("%+v, %v", hook, err)
		}
	})
	t.Run("no ledger", func(t *testing.T) {
		dir := layout.Town{Root: p.dir}.Data(layout.Ledger)
		if err := os.Rename(dir, dir+".away"); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.Rename(dir+".away", dir) }()
		if out := p.must("prime"); !strings.Contains(out, "Not known now") || !strings.Contains(out, "bd ready") {
			t.Error(out)
		}
	})
	t.Run("no configuration", func(t *testing.T) {
		if err := os.WriteFile(layout.Town{Root: p.dir}.Config(), []byte("["), 0o600); err != nil {
			t.Fatal(err)
		}
		if out := p.must("prime"); strings.Count(out, "\n") != 1 {
			t.Error(out)
		}
	})
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
