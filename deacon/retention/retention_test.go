package retention

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"gastown/deacon/part"
	"gastown/planes/doltdb"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
)

type testHost struct {
	t     layout.Town
	cfg   *config.Config
	now   time.Time
	store *operational.Store
}

func (h testHost) Layout() layout.Town    { return h.t }
func (h testHost) Config() *config.Config { return h.cfg }
func (h testHost) Now() time.Time         { return h.now }
func (h testHost) Caches() []part.Cache   { return nil }
func (h testHost) Operational(_ context.Context, fn func(*operational.Store) error) error {
	return fn(h.store)
}

// The job removes work that ended and checks that ran longer ago than work.keep says, and
// nothing younger.
func TestPrune(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)
	opts := doltdb.Options{Dir: filepath.Join(dir, "operational"), Home: filepath.Join(dir, "home"), Wait: time.Minute, Command: "test",
		Actor: town.Actor{Name: "ada", Email: "ada@example.com"}}
	s, err := operational.Create(t.Context(), opts, "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for n, age := range []time.Duration{29 * 24 * time.Hour, 31 * 24 * time.Hour} {
		a, err := s.Assign(t.Context(), operational.Order{Bead: []string{"web-a", "web-b"}[n], Agent: town.PolecatAddress("web", "nux")}, now.Add(-age))
		if err == nil {
			err = s.End(t.Context(), a.Ticket, town.Finished, "a test", "ada", now.Add(-age))
		}
		if err == nil {
			_, err = s.Told(t.Context(), a.Epoch, town.Finished)
		}
		if err == nil {
			_, err = s.RecordTest(t.Context(), operational.TestRun{TestKey: operational.TestKey{Tree: fmt.Sprint("tree-", n), Command: "c", Environment: "e"},
				Rig: "web", Check: "test", End: operational.TestPassed, At: now.Add(-age)})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	cfg := config.New("alpha")
	// The feed keeps its events, so only work is counted.
	cfg.Settings = map[string]string{"deacon.log_age": "8760h"}
	p := New(testHost{layout.Town{Root: dir}, cfg, now, s})
	for _, want := range []string{"removed 0 old log file(s) and 2 old record(s)", ""} {
		if got, err := p.prune(t.Context()); err != nil || got != want {
			t.Errorf("%q, want %q: %v", got, want, err)
		}
	}
	cfg.Settings["work.keep"] = "24h"
	if got, err := p.prune(t.Context()); err != nil || got != "removed 0 old log file(s) and 2 old record(s)" {
		t.Errorf("%q, %v", got, err)
	}
}
