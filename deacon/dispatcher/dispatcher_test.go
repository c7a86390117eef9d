package dispatcher

import (
	"context"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/polecat"
	"gastown/town/queue"
)

func TestWhatWakes(t *testing.T) {
	for kind, want := range map[string]bool{
		operational.Queued: true, operational.AssignmentPrefix + "submitted": true, operational.SessionRenewed: true,
		operational.Unqueued: false, operational.AgentPrefix + "idle": false, "bead.created": false,
	} {
		if wakes(kind) != want {
			t.Errorf("%s wakes: %v", kind, !want)
		}
	}
}

// host stands in for the Deacon.
type host struct {
	store  *operational.Store
	rigs   []string
	limits operational.Limits
	now    time.Time
	inputs string
	passes int
	seen   []polecat.Session
}

func (h *host) Config() *config.Config { return config.New("alpha") }
func (h *host) Now() time.Time         { return h.now }
func (h *host) Inputs() string         { return h.inputs }
func (h *host) Log() logrus.FieldLogger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}
func (h *host) Operational(_ context.Context, fn func(*operational.Store) error) error {
	return fn(h.store)
}
func (h *host) Ledger(context.Context, func(*ledger.Store) error) error { return nil }
func (h *host) Workers() Workers {
	h.passes++
	return func(_ *config.Config, rows operational.Access, _ ledger.Access) (*polecat.Controller, queue.Dispatcher, error) {
		clock := func() time.Time { return h.now }
		return &polecat.Controller{
				Rows: func(ctx context.Context, fn func(polecat.Store) error) error {
					return rows(ctx, func(s *operational.Store) error { return fn(s) })
				},
				Beads:    func(context.Context, func(polecat.Ledger) error) error { return nil },
				Sessions: tmux{nil, h}, Now: clock,
			}, queue.Dispatcher{
				Rows: func(ctx context.Context, fn func(queue.Store) error) error {
					return rows(ctx, func(s *operational.Store) error { return fn(s) })
				},
				Rigs: h.rigs, Bounds: queue.Bounds{Limits: h.limits}, Now: clock,
			}, nil
	}
}

// tmux has the sessions that the host says.
type tmux struct {
	polecat.Sessions
	host *host
}

func (t tmux) List(context.Context) ([]polecat.Session, error) { return t.host.seen, nil }

// A Town without work leaves runs out until something changes. While a bead waits, which
// the machine or time may let go on, or a session is to be watched, each run looks.
func TestRests(t *testing.T) {
	s, err := operational.Create(t.Context(), doltdb.Options{
		Dir: filepath.Join(t.TempDir(), "operational"), Home: t.TempDir(), Command: "test", Actor: town.Actor{Name: "ada", Email: "ada@example.com"},
	}, "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h := &host{store: s, now: time.Now().UTC(), inputs: "a"}
	p := New(h)
	runs := func(what string, want int) {
		t.Helper()
		h.passes = 0
		for range 3 {
			if note, err := p.run(t.Context()); note != "" || err != nil {
				t.Errorf("%s: %q, %v", what, note, err)
			}
		}
		if h.passes != want {
			t.Errorf("%s: %d of 3 runs looked, want %d", what, h.passes, want)
		}
	}
	runs("no rigs", 1)
	h.rigs, h.inputs = []string{"web"}, "b"
	runs("no work", 1)
	h.inputs = ""
	runs("nobody knows what changed", 3)
	h.inputs, h.seen = "c", []polecat.Session{{Agent: town.Address{Kind: town.Crew, Rig: "web", Name: "ann"}}}
	runs("a session of a person", 1)
	if _, err := s.Enqueue(t.Context(), []operational.Waiting{{Bead: "api-a", Rig: "api"}}, 10, h.now); err != nil {
		t.Fatal(err)
	}
	runs("nobody told", 0)
	h.inputs = "d"
	runs("a bead waits", 3)
}
