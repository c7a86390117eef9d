package cli

import (
	"strings"
	"testing"

	"gastown/cmd/internal/shell"
)

// A refused batch reports every fault with its line, in the order of the lines,
// whether the fault is in the text, the keys, the values or the ledger.
func TestABatchTellsEveryFaultByItsLine(t *testing.T) {
	p := newPlace(t)
	for _, id := range []string{"gt-one", "gt-two1", "gt-two2"} {
		p.must("create", "--id", id, "kept")
	}
	before := p.must("export")
	said := p.refused(`[
  {"id": "gt-zzz", "title": "unknown"},
  {"id": "gt-one", "titel": 1, "priority": "high", "due_at": "soon"},
  {"id": "one", "title": "in order"},
  {"id": "gt-one", "priority": 9},
  {"id": "gt-one", "title": "a",
   "title": "b"},
  {"id": "two", "title": "of two"},
  {"id": "gt-one", "parent": "gt-yyy"},
  {"title": "of none"},
  {"id": "gt-one", priority: 1}
]`)
	want := []string{
		"10 errors, and nothing was changed:",
		`line 2: gt-zzz: no such bead: "gt-zzz"`,
		"line 3: gt-one: due_at: not a valid bead: ",
		"line 3: gt-one: not a valid bead: priority is a string",
		`line 3: gt-one: no such field: "titel"; nearest: title`,
		"line 5: gt-one: not a valid bead: priority 9 is not 0 to 4",
		`line 6: gt-one: not a valid bead: "title" occurs twice`,
		"line 8: two: several beads match: gt-two1, gt-two2",
		`line 9: gt-one: no such bead: "gt-yyy"`,
		"line 10: not a valid bead: id is missing",
		"line 11: malformed JSON: ",
	}
	expectLines(t, said, want)
	// Faults that only the ledger shows are reported by line, too.
	said = p.refused("{\"id\": \"one\", \"title\": \"a\"}\n{\"id\": \"gt-zzz\"}\n{\"id\": \"two\"}\n{\"id\": \"one\", \"status\": \"nonsense\"}")
	expectLines(t, said, []string{
		"3 errors, and nothing was changed:", `line 2: gt-zzz: no such bead: "gt-zzz"`, "line 3: two: several beads match: gt-two1, gt-two2",
		"line 4: gt-one: ",
	})
	// A cycle is reported at the line that closes it, beside other faults.
	said = p.refused(`[
  {"id": "one", "parent": "gt-two1"},
  {"id": "two1", "parent": "gt-one"},
  {"id": "gt-two2", "priority": 7}
]`)
	expectLines(t, said, []string{
		"2 errors, and nothing was changed:", "line 3: gt-two1: dependency cycle: gt-two1 -> gt-one -> gt-two1", "line 4: gt-two2: ",
	})
	if after := p.must("export"); after != before {
		t.Errorf("a refused batch changed\n%s to\n%s", before, after)
	}
}

// refused runs bd update with a batch that must fail.
func (p place) refused(batch string) (stderr string) {
	p.t.Helper()
	code, out, said := p.feed(batch, "update", "--batch", "-")
	if code != shell.ExitFailed || out != "" {
		p.t.Fatalf("exit %d, %q: %s", code, out, said)
	}
	return said
}

// expectLines compares the lines of a message with how they must begin. The first
// line may have something before it, and advice may follow the last.
func expectLines(t *testing.T, said string, want []string) {
	t.Helper()
	got := strings.Split(strings.TrimSpace(said), "\n")
	for i, w := range want {
		if i >= len(got) || i > 0 && !strings.HasPrefix(strings.TrimSpace(got[i]), w) || !strings.Contains(got[i], w) {
			t.Fatalf("line %d of the message is not %q:\n%s", i+1, w, said)
		}
	}
	if len(got) > len(want) && strings.HasPrefix(strings.TrimSpace(got[len(want)]), "line ") {
		t.Errorf("more faults than %d:\n%s", len(want)-1, said)
	}
}

// Without a ledger the faults in a batch's text are still reported.
func TestABatchIsReadWithoutALedger(t *testing.T) {
	p := placeAt(t, t.TempDir())
	said := p.refused("{\"id\": \"gt-a\", \"titel\": 1}\n{\"id\": \"gt-b\", \"title\": \"x\"}")
	if !strings.Contains(said, `line 1: gt-a: no such field: "titel"`) || !strings.Contains(said, "the other lines were not looked up: ") {
		t.Error(said)
	}
}

// A refused import reports every fault with its line, cycles included.
func TestAnImportTellsEveryFaultByItsLine(t *testing.T) {
	p := newPlace(t)
	line := func(id, target, more string) string {
		return `{"id":"` + id + `","title":"x","status":"open","created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z"` + more +
			`,"dependencies":[{"depends_on_id":"` + target + `","type":"blocks"}]}` + "\n"
	}
	p.must("create", "--id", "gt-kept", "kept")
	code, out, said := p.feed(line("gt-a", "gt-b", "")+line("gt-b", "gt-a", "")+line("gt-c", "gt-a", `,"titel":1`)+"{\n"+line("gt-d", "gt-d", ""), "import", "--strict", "-")
	if code != shell.ExitFailed || out != "" || !strings.Contains(said, "without --strict") {
		t.Errorf("exit %d, %q: %s", code, out, said)
	}
	expectLines(t, said, []string{
		"4 errors, and nothing was changed:", "line 2: gt-b: dependency cycle: gt-b -> gt-a -> gt-b", `line 3: gt-c: no such field: "titel"`,
		"line 4: ", "line 5: gt-d: ",
	})
	if all := p.must("export"); strings.Count(all, "\n") != 1 {
		t.Error(all)
	}
}
