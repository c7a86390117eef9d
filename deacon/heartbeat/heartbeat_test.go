package heartbeat

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"gastown/cache"
	"gastown/deacon/control"
	"gastown/planes/doltdb"
	"gastown/planes/operational"
	"gastown/town"
)

// host is a Deacon whose operational plane cannot be read.
type host struct {
	now    time.Time
	beats  []operational.Heartbeat
	refuse error
	budget *cache.Budget
}

func (h *host) Now() time.Time { return h.now }
func (h *host) Operational(context.Context, func(*operational.Store) error) error {
	return errors.New("there is none")
}
func (h *host) Beat(b operational.Heartbeat) error { h.beats = append(h.beats, b); return h.refuse }
func (h *host) Written() string                    { return "" }
func (h *host) Budget() *cache.Budget              { return h.budget }

// A session that is over is refused as soon as a later one was heard.
func TestOldRuns(t *testing.T) {
	h := &host{now: time.Unix(1000, 0)}
	p := New(h)
	for i, test := range []struct {
		run int64
		err error
	}{{1, nil}, {2, nil}, {1, town.ErrRefused}, {0, nil}, {1, town.ErrRefused}, {2, nil}} {
		if err := p.take(t.Context(), control.Heartbeat{Agent: "web/polecats/nux", State: "working", Run: test.run}); !errors.Is(err, test.err) {
			t.Errorf("%d: run %d: %v", i, test.run, err)
		}
	}
	if len(h.beats) != 4 || h.beats[1].Run != 2 {
		t.Errorf("%+v", h.beats)
	}
	h.now = h.now.Add(2 * life)
	if err := p.take(t.Context(), control.Heartbeat{Agent: "web/polecats/nux", State: "working", Run: 1}); err != nil {
		t.Errorf("long after: %v", err)
	}
}

// Where the newer run was not heard yet, its row says that the older one is over.
func TestOldRunsBeforeTheNewOneIsHeard(t *testing.T) {
	s, err := operational.Create(t.Context(), doltdb.Options{Dir: filepath.Join(t.TempDir(), "operational"), Actor: town.Actor{Name: "ada"}}, uuid.NewString())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h := &withRows{host: host{now: time.Unix(1000, 0)}, rows: s}
	p := New(h)
	for range 2 {
		if _, err := s.Begin(t.Context(), town.Address{Kind: town.Mayor}, "claude", "mayor", "/t/mayor", h.now); err != nil {
			t.Fatal(err)
		}
	}
	for i, test := range []struct {
		agent string
		run   int64
		err   error
	}{
		{"mayor/", 1, town.ErrRefused}, {"mayor/", 2, nil}, {"mayor/", 1, town.ErrRefused}, {"mayor/", 0, nil},
		{"web/crew/ann", 1, nil}, // of whom there is no row
	} {
		if err := p.take(t.Context(), control.Heartbeat{Agent: test.agent, State: "working", Run: test.run}); !errors.Is(err, test.err) {
			t.Errorf("%d: run %d of %s: %v", i, test.run, test.agent, err)
		}
	}
	if h.reads != 3 {
		t.Errorf("%d reads: only the first heartbeat that is taken needs one", h.reads)
	}
}

// withRows is a Deacon whose operational plane can be read.
type withRows struct {
	host
	rows  *operational.Store
	reads int
}

func (h *withRows) Operational(_ context.Context, fn func(*operational.Store) error) error {
	h.reads++
	return fn(h.rows)
}

func TestAgentsAreForgotten(t *testing.T) {
	h := &host{now: time.Unix(1000, 0)}
	p := New(h)
	if err := p.take(t.Context(), control.Heartbeat{Agent: "a", State: "idle"}); err != nil {
		t.Fatal(err)
	}
	h.now = h.now.Add(life)
	if err := p.take(t.Context(), control.Heartbeat{Agent: "b", State: "idle"}); err != nil {
		t.Fatal(err)
	}
	if n := p.count(); n != 2 || len(h.beats) != 2 {
		t.Errorf("%d agents, %d recorded", n, len(h.beats))
	}
	h.now = h.now.Add(time.Second)
	if n := p.count(); n != 1 {
		t.Errorf("%d agents", n)
	}
	h.refuse = town.ErrBusy
	if err := p.take(t.Context(), control.Heartbeat{Agent: "c", State: "idle"}); !errors.Is(err, town.ErrBusy) || p.count() != 1 {
		t.Errorf("%v, %d agents", err, p.count())
	}
}

// The newer of the written and the received heartbeat counts.
func TestMerge(t *testing.T) {
	h := &host{now: time.Unix(1000, 0)}
	p := New(h)
	_ = p.take(t.Context(), control.Heartbeat{Agent: "heard", State: "working"})
	at := func(agent, state string, ago time.Duration) control.Agent {
		return control.Agent{Heartbeat: control.Heartbeat{Agent: agent, State: state}, At: h.now.Add(-ago)}
	}
	all := p.merge([]control.Agent{at("written", "idle", time.Second), at("heard", "idle", time.Minute), at("silent", "idle", life+time.Second)})
	if len(all) != 2 || all[0].Agent != "heard" || all[0].State != "working" || all[1].Agent != "written" {
		t.Errorf("%+v", all)
	}
}

// New settings replace the cache; the counts of the former one are retained.
func TestTheListFollowsTheBudget(t *testing.T) {
	h := &host{now: time.Unix(1000, 0), budget: cache.NewBudget(1 << 20)}
	p := New(h)
	reads := 0
	load := func() {
		_, err := p.list.load(t.Context(), "token", func(context.Context) ([]control.Agent, error) { reads++; return nil, nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	load()
	load()
	c := p.Caches()[0]
	if s := c.Stats(); reads != 1 || s.Hits != 1 || s.Entries != 1 || c.Kind() != control.CacheAgents {
		t.Errorf("%d reads, %+v", reads, s)
	}
	h.budget = cache.NewBudget(2 << 20)
	if s := c.Stats(); s.Hits != 1 || s.Entries != 0 {
		t.Errorf("%+v", s)
	}
	h.budget = nil // cache.enabled is false
	load()
	load()
	if s := c.Stats(); reads != 3 || s.Hits != 1 || c.Clear() != 0 {
		t.Errorf("%d reads, %+v", reads, s)
	}
}

// A request that is not a valid heartbeat is refused, and nothing of it is
// recorded.
func TestMalformedHeartbeatsAreRefused(t *testing.T) {
	h := &host{now: time.Unix(1000, 0)}
	mux := http.NewServeMux()
	New(h).Control(mux)
	post := func(body string) int {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("POST", "/v1/heartbeat", strings.NewReader(body)))
		return w.Code
	}
	for _, bad := range []string{
		`{}`, `{"agent":"rig/a","state":"idle"}`, `{"agent":"web/crew/a"}`, `{"agent":"a b","state":"idle"}`, `{"agent":"a","state":"Idle now"}`, `{"agent":"a","state":"idle","more":1}`,
		`{"agent":"a'; DROP TABLE heartbeats; --","state":"idle"}`, `{"agent":"web/crew/a","state":"idle","note":"two\nlines"}`, `nonsense`,
	} {
		if code := post(bad); code != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, code)
		}
	}
	if len(h.beats) != 0 {
		t.Errorf("%+v", h.beats)
	}
	if code := post(`{"agent":"web/crew/a","state":"idle"}`); code != http.StatusOK || len(h.beats) != 1 {
		t.Errorf("%d, %+v", code, h.beats)
	}
}
