package convoys

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/convoy"
	"gastown/town/escalate"
	"gastown/town/feed"
)

// host stands in for the Deacon, with real planes.
type host struct {
	*testing.T
	l     *ledger.Store
	o     *operational.Store
	now   time.Time
	reads int // of the ledger
}

func newHost(t *testing.T) *host {
	dir := t.TempDir()
	options := func(plane string) doltdb.Options {
		return doltdb.Options{Dir: filepath.Join(dir, plane), Home: filepath.Join(dir, "home"), Wait: time.Minute, Command: "test",
			Actor: town.Actor{Name: "ada", Email: "ada@example.com"}}
	}
	const uuid = "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12"
	l, err := ledger.Create(t.Context(), options("ledger"), uuid)
	if err != nil {
		t.Fatal(err)
	}
	o, err := operational.Create(t.Context(), options("operational"), uuid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(l.Close(), o.Close()); err != nil {
			t.Error(err)
		}
	})
	return &host{T: t, l: l, o: o, now: time.Now().UTC()}
}

func (h *host) Now() time.Time { return h.now }
func (h *host) Log() logrus.FieldLogger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}
func (h *host) Inputs() string { return "" }
func (h *host) Ledger(_ context.Context, fn func(*ledger.Store) error) error {
	h.reads++
	return fn(h.l)
}
func (h *host) Operational(_ context.Context, fn func(*operational.Store) error) error {
	return fn(h.o)
}

func (h *host) do(what string, fn func(context.Context) (string, error), want string) {
	h.Helper()
	if note, err := fn(h.Context()); err != nil || note != want {
		h.Errorf("%s: %q, %v; want %q", what, note, err, want)
	}
}

func (h *host) patch(p ledger.Patch) {
	h.Helper()
	if _, err := h.l.Update(h.Context(), []ledger.Patch{p}); err != nil {
		h.Fatal(err)
	}
}

// made makes a convoy of two beads, of which the second waits for the first.
func (h *host) made() (id string) {
	h.Helper()
	_, err := h.l.Create(h.Context(), []ledger.NewBead{
		{Bead: town.Bead{ID: "web-a", Title: "a"}}, {Bead: town.Bead{ID: "web-b", Title: "b", Dependencies: []town.Dependency{{Target: "web-a", Type: town.DepBlocks}}}},
	})
	if err == nil {
		id, err = convoy.Create(h.Context(), h.l, convoy.New{Name: "both", Members: []string{"web-a", "web-b"}})
	}
	if err != nil {
		h.Fatal(err)
	}
	return id
}

// A convoy lands once, by the run after its last bead was closed. While the ledger does
// not change a run looks at nothing but its newest commit.
func TestLands(t *testing.T) {
	h := newHost(t)
	h.made()
	p := New(h)
	h.do("nothing closed", p.run, "")
	before := h.reads
	h.do("nothing changed", p.run, "")
	if h.reads != before+1 {
		t.Errorf("%d reads", h.reads-before)
	}
	h.patch(ledger.Patch{ID: "web-a", Status: new(town.StatusClosed)})
	h.do("one closed", p.run, "")
	h.patch(ledger.Patch{ID: "web-b", Status: new(town.StatusClosed)})
	h.do("both closed", p.run, "1 convoy(s) landed")
	h.do("again", p.run, "")
	h.do("by another Deacon", New(h).run, "")
	for kind, want := range map[string]bool{feed.BeadPrefix + "closed": true, feed.BeadPrefix + "deleted": true, feed.BeadForeign: true, feed.BeadPrefix + "updated": false, "work.landed": false} {
		if wakes(kind) != want {
			t.Errorf("%s wakes: %v", kind, !want)
		}
	}
}

// People are told once of a convoy on which nobody can work, and not of one that was so
// for a moment. It is over when the convoy moves, or is closed.
func TestStranded(t *testing.T) {
	h := newHost(t)
	id := h.made()
	p := New(h)
	open := func() (keys string) {
		t.Helper()
		all, err := escalate.List(t.Context(), h.l, false, h.now)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			if !strings.Contains(e.Text, "web-a is held") {
				t.Errorf("it says %q", e.Text)
			}
			keys += e.Key
		}
		return keys
	}
	want := keyBegins + id + keyEnds
	h.do("it can be begun", p.find, "")
	h.patch(ledger.Patch{ID: "web-a", Status: new(town.StatusBlocked)})
	h.do("stranded", p.find, "")
	h.patch(ledger.Patch{ID: "web-a", Status: new(town.StatusOpen)})
	h.do("for a moment", p.find, "")
	h.patch(ledger.Patch{ID: "web-a", Status: new(town.StatusBlocked)})
	h.do("stranded", p.find, "")
	if got := open(); got != "" {
		t.Errorf("told at the first look: %s", got)
	}
	h.do("still", p.find, "told of 1 stranded convoy(s)")
	for range 3 {
		h.now = h.now.Add(5 * time.Minute)
		h.do("and still", p.find, "")
	}
	h.do("another Deacon", New(h).find, "")
	if got := open(); got != want {
		t.Errorf("open: %q", got)
	}
	h.patch(ledger.Patch{ID: "web-a", Status: new(town.StatusOpen)})
	h.do("it moves", p.find, "")
	if got := open(); got != "" {
		t.Errorf("still open: %s", got)
	}
	h.patch(ledger.Patch{ID: "web-a", Status: new(town.StatusBlocked)})
	h.now = h.now.Add(48 * time.Hour)
	h.do("stranded", p.find, "")
	h.do("again", p.find, "told of 1 stranded convoy(s)")
	h.patch(ledger.Patch{ID: id, Status: new(town.StatusClosed)})
	h.do("closed by a person", p.find, "")
	if got := open(); got != "" {
		t.Errorf("of a closed one: %s", got)
	}
}
