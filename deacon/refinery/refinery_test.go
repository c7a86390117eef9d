package refinery

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
	"gastown/town/refinery"
	"gastown/town/rig"
)

func TestWhatWakes(t *testing.T) {
	for kind, want := range map[string]bool{
		operational.AssignmentPrefix + "submitted": true, operational.RefineryAsked: true, operational.RefineryResumed: true, operational.MergePrefix + "landed": true,
		operational.MergePrefix + "open": true, operational.MergePrefix + "held": false, operational.AssignmentPrefix + "working": false, operational.RefineryTrouble: false,
	} {
		if wakes(kind) != want {
			t.Errorf("%s wakes: %v", kind, !want)
		}
	}
}

// host stands in for the Deacon. Its refineries stop in their lock until they are let on.
type host struct {
	store *operational.Store
	began chan string
	let   chan struct{}
}

func (h host) Config() *config.Config { return config.New("alpha") }
func (h host) Log() logrus.FieldLogger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}
func (h host) Now() time.Time { return time.Now() }
func (h host) Inputs() string { return "" }
func (h host) Operational(_ context.Context, fn func(*operational.Store) error) error {
	return fn(h.store)
}
func (h host) Ledger(context.Context, func(*ledger.Store) error) error { return nil }
func (h host) OnDuty(ctx context.Context) (context.Context, func(), bool) {
	return ctx, func() {}, true
}

func (h host) Refineries() Refineries {
	return func(_ *config.Config, rows operational.Access, _ ledger.Access) (all []*refinery.Refinery, err error) {
		for _, name := range []string{"web", "api"} {
			all = append(all, &refinery.Refinery{
				Rig: rig.Settings{Name: name}, Now: time.Now,
				Rows: func(ctx context.Context, fn func(refinery.Store) error) error {
					return rows(ctx, func(s *operational.Store) error { return fn(s) })
				},
				Lock: func(ctx context.Context) (func() error, error) {
					h.began <- name
					if name == "web" {
						select {
						case <-h.let:
						case <-ctx.Done():
							return nil, ctx.Err()
						}
					}
					return func() error { return nil }, nil
				},
			})
		}
		return all, nil
	}
}

// A rig whose pass takes long holds up neither the other rigs, nor the loan of the
// planes, nor the end of the Deacon; and what is asked for meanwhile follows.
func TestRigsDoNotWaitForEachOther(t *testing.T) {
	s, err := operational.Create(t.Context(), doltdb.Options{
		Dir: filepath.Join(t.TempDir(), "operational"), Home: t.TempDir(), Command: "test", Actor: town.Actor{Name: "ada", Email: "ada@example.com"},
	}, "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h := host{store: s, began: make(chan string, 10), let: make(chan struct{})}
	p := New(h)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	run := func() {
		t.Helper()
		if note, err := p.run(t.Context()); note != "" || err != nil {
			t.Errorf("%q, %v", note, err)
		}
	}
	seen := map[string]int{}
	await := func(name string, n int) {
		t.Helper()
		for seen[name] < n {
			select {
			case b := <-h.began:
				seen[b]++
			case <-time.After(time.Minute):
				t.Fatalf("%s did not begin %d times: %v", name, n, seen)
			}
		}
	}
	run()
	await("web", 1)
	await("api", 1)
	for seen["api"] < 2 { // until its first pass has ended
		run()
		select {
		case b := <-h.began:
			seen[b]++
		case <-time.After(10 * time.Millisecond):
		}
	}
	if seen["web"] != 1 {
		t.Errorf("web has two passes at once: %v", seen)
	}
	if err := p.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Resume()
	h.let <- struct{}{}
	await("web", 2) // it was asked for meanwhile
	if err := p.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
