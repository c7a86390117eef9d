package escalations

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/escalate"
	"gastown/town/refinery"
)

type host struct {
	l     *ledger.Store
	o     *operational.Store
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

func (h *host) Operational(_ context.Context, fn func(*operational.Store) error) error {
	return fn(h.o)
}

// options are those of a plane of a test.
func options(dir, plane string) doltdb.Options {
	return doltdb.Options{Dir: filepath.Join(dir, plane), Home: filepath.Join(dir, "home"), Wait: time.Minute, Command: "test",
		Actor: town.Actor{Name: "ada", Email: "ada@example.com"}}
}

const uuid = "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12"

// What nobody acknowledged is raised again when its pause is over, and not before, also
// when the ledger changes; what somebody has is silent.
func TestRaisedAgain(t *testing.T) {
	dir := t.TempDir()
	l, err := ledger.Create(t.Context(), options(dir, "ledger"), uuid)
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

// The command that rejects or retries a held request may be killed before it ends the
// escalation about it. Then the job ends it, but not while it may still be about to be held,
// and none of a request that is held.
func TestOutlived(t *testing.T) {
	dir := t.TempDir()
	l, err := ledger.Create(t.Context(), options(dir, "ledger"), uuid)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o, err := operational.Create(t.Context(), options(dir, "operational"), uuid)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	h := &host{l: l, o: o, now: time.Now().UTC()}
	p := New(h)
	held := func(name string) operational.MergeRequest {
		t.Helper()
		a, err := o.Assign(t.Context(), operational.Order{Bead: "web-" + name, Agent: town.PolecatAddress("web", name)}, h.now)
		if err == nil {
			err = o.Submit(t.Context(), a.Ticket, operational.MergeRequest{Branch: "polecat/" + name, Head: strings.Repeat("a", 40), Target: "main"}, h.now)
		}
		if err == nil {
			_, err = o.MoveMerges(t.Context(), []operational.MergeMove{{Epoch: a.Epoch, From: operational.MergeOpen, To: operational.MergeHeld}}, "web/refinery", h.now)
		}
		if err != nil {
			t.Fatal(err)
		}
		m, err := o.Merge(t.Context(), "web-"+name)
		if err != nil || m.State != operational.MergeHeld {
			t.Fatalf("%+v, %v", m, err)
		}
		if _, _, err := escalate.Raise(t.Context(), l, escalate.Trouble{Key: refinery.HeldKey("web", m), Title: name, Severity: escalate.Medium}, h.now); err != nil {
			t.Fatal(err)
		}
		return m
	}
	nux, _ := held("nux"), held("ace")
	for _, key := range []string{"refinery/web/pull/7", "witness/web/held/7", "mine"} { // about something else
		if _, _, err := escalate.Raise(t.Context(), l, escalate.Trouble{Key: key, Title: key, Severity: escalate.Medium}, h.now); err != nil {
			t.Fatal(err)
		}
	}
	open := func(what string, want int) {
		t.Helper()
		_, err := p.run(t.Context())
		all, listed := escalate.List(t.Context(), l, false, h.now)
		if err = errors.Join(err, listed); err != nil || len(all) != want {
			t.Errorf("%s: %d are open, not %d; %v", what, len(all), want, err)
		}
	}
	open("while both are held", 5)
	verdict := operational.Verdict{State: operational.MergeRejected, Reason: "a test", Detail: nux.Detail}
	if err := o.Decide(t.Context(), nux.Ticket(), verdict, "ada", h.now); err != nil {
		t.Fatal(err)
	}
	open("a moment after it was raised", 5)
	h.now = h.now.Add(10 * time.Minute)
	open("later", 4)
	e, err := escalate.List(t.Context(), l, true, h.now)
	if err != nil || !slices.ContainsFunc(e, func(e escalate.Escalation) bool { return e.Title == "nux" && e.State == escalate.Closed }) {
		t.Errorf("%+v, %v", e, err)
	}
	h.now = h.now.Add(time.Hour)
	open("much later", 4)
}
