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
	"gastown/town/feed"
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
	store   *operational.Store
	feed    *feed.Feed
	started chan string
}

func (h host) Config() *config.Config { return config.New("alpha") }
func (h host) Log() logrus.FieldLogger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}
func (h host) Feed() *feed.Feed { return h.feed }
func (h host) Operational(_ context.Context, fn func(*operational.Store) error) error {
	return fn(h.store)
}
func (h host) Ledger(context.Context, func(*ledger.Store) error) error { return nil }
func (h host) StartJob(name string) error                              { h.started <- name; return nil }
func (h host) Workers() Workers {
	return func(_ *config.Config, rows operational.Access, _ ledger.Access) (*polecat.Controller, queue.Dispatcher, error) {
		return nil, queue.Dispatcher{}, nil
	}
}

// An event about work starts the job at once; a Town without rigs has no work.
func TestEventsWake(t *testing.T) {
	s, err := operational.Create(t.Context(), doltdb.Options{
		Dir: filepath.Join(t.TempDir(), "operational"), Home: t.TempDir(), Command: "test", Actor: town.Actor{Name: "ada", Email: "ada@example.com"},
	}, "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h := host{store: s, started: make(chan string, 10)}
	h.feed = feed.New(feed.Options{Operational: h.Operational, Poll: 10 * time.Millisecond})
	p := New(h)
	if note, err := p.run(t.Context()); note != "" || err != nil {
		t.Errorf("%q, %v", note, err)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		for done := false; !done; {
			// Repeated, because the part may not have read the feed's end yet.
			_, err := s.Append(t.Context(), operational.Entry{At: time.Now(), Kind: operational.Queued, Subject: "web-a"})
			if err != nil {
				t.Fatal(err)
			}
			select {
			case name := <-h.started:
				done = name == job
			case <-time.After(50 * time.Millisecond):
			}
		}
		if n == 0 { // also after the planes were lent
			if err := p.Pause(t.Context()); err != nil {
				t.Fatal(err)
			}
			p.Resume()
		}
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
