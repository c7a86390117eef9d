package escalations

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/escalate"
)

type host struct {
	l     *ledger.Store
	now   time.Time
	reads int
	still bool // nothing changes
}

func (h *host) Now() time.Time { return h.now }
func (h *host) Inputs() string {
	if h.still {
		return "still"
	}
	return ""
}
func (h *host) Ledger(_ context.Context, fn func(*ledger.Store) error) error {
	h.reads++
	return fn(h.l)
}

// What nobody acknowledged is raised again when its pause is over, and not before, also
// when the ledger changes; what somebody has is silent.
func TestRaisedAgain(t *testing.T) {
	dir := t.TempDir()
	l, err := ledger.Create(t.Context(), doltdb.Options{Dir: filepath.Join(dir, "ledger"), Home: filepath.Join(dir, "home"), Wait: time.Minute, Command: "test",
		Actor: town.Actor{Name: "ada", Email: "ada@example.com"}}, "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h := &host{l: l, now: time.Now().UTC()}
	p := New(h)
	run := func(what, want string) {
		t.Helper()
		if note, err := p.run(t.Context()); err != nil || note != want {
			t.Errorf("%s: %q, %v; want %q", what, note, err, want)
		}
	}
	run("nothing", "")
	var first escalate.Escalation
	for _, s := range []escalate.Severity{escalate.Critical, escalate.High} {
		e, _, err := escalate.Raise(t.Context(), l, escalate.Trouble{Key: string(s), Title: string(s), Severity: s}, h.now)
		if err != nil {
			t.Fatal(err)
		}
		if s == escalate.Critical {
			first = e
		}
	}
	run("just raised", "")
	h.now = h.now.Add(29 * time.Minute)
	run("not yet", "")
	h.now = h.now.Add(time.Minute)
	run("the critical one", "1 raised again")
	run("just told", "")
	h.now = h.now.Add(59 * time.Minute) // its pause is twice as long now
	run("not yet, again", "")
	if _, err := escalate.Acknowledge(t.Context(), l, first.ID, "bob", "", h.now); err != nil {
		t.Fatal(err)
	}
	h.now = h.now.Add(31 * time.Minute)
	run("the high one alone", "1 raised again")
	h.now = h.now.Add(100 * time.Hour)
	run("it again", "1 raised again")
	// While nothing changes it rests, and is on time.
	h.still = true
	run("nothing is due", "")
	reads := h.reads
	h.now = h.now.Add(5 * time.Minute)
	run("it rests", "")
	if h.reads != reads {
		t.Errorf("it read %d times", h.reads-reads)
	}
	all, err := escalate.List(t.Context(), l, false, h.now)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if !e.Again.IsZero() {
			h.now = e.Again.Add(-time.Second)
		}
	}
	run("a second before", "")
	h.now = h.now.Add(time.Second)
	run("it is due", "1 raised again")
}
