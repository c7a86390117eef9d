package deacon

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"gastown/deacon/control"
	"gastown/deacon/recorder"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/config"
)

// cached is what gt cache stats says of one type.
func (r *active) cached(kind string) (entries int, hits, misses int64) {
	r.t.Helper()
	s, err := r.client.CacheStats(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, l := range s.Levels {
		if l.Name == kind {
			return l.Entries, l.Hits, l.Misses
		}
	}
	r.t.Fatalf("no level %s: %+v", kind, s)
	return 0, 0, 0
}

// keep clears, warms or refreshes caches.
func (r *active) keep(do string, types ...string) map[string]control.CacheDone {
	r.t.Helper()
	done, err := r.client.Cache(r.t.Context(), control.CacheRequest{Do: do, Types: types})
	if err != nil {
		r.t.Fatal(err)
	}
	all := map[string]control.CacheDone{}
	for _, d := range done {
		all[d.Type] = d
	}
	return all
}

func TestCachesByHand(t *testing.T) {
	p := found(t)
	r := p.mustStart()
	s := p.ledger()
	beads := made(t, s, titled("one"), titled("two"), titled("three"))
	for n := range 3 {
		if err := r.client.Heartbeat(t.Context(), control.Heartbeat{Agent: fmt.Sprintf("rig/crew/a%d", n), State: "working", Note: "gt-1"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.client.Run(t.Context(), recorder.Job); err != nil {
		t.Fatal(err)
	}
	did := r.keep(control.CacheWarmup, control.CacheTypes...)
	if did["bead"].Read != 3 || did["status"].Read != 6 || did["agent"].Read != 3 {
		t.Errorf("%+v", did)
	}
	reader := r.ledger()
	if _, err := reader.Get(t.Context(), []string{beads[0].ID, beads[2].ID}, nil); err != nil || reader.Queries() != 0 {
		t.Errorf("%d queries for what was read ahead, %v", reader.Queries(), err)
	}
	usual := ledger.Listed()
	usual.Limit, usual.Fields = ledger.UsualLimit+1, ledger.LineFields()
	if err := reader.List(t.Context(), usual, func(ledger.Item) error { return nil }); err != nil || reader.Queries() != 0 {
		t.Errorf("%d queries for what was read ahead, %v", reader.Queries(), err)
	}
	if _, err := reader.Blocked(t.Context(), ledger.Filter{}); err != nil || reader.Queries() != 0 {
		t.Errorf("%d queries for what was read ahead, %v", reader.Queries(), err)
	}
	if n, hits, misses := r.cached("bead"); n != 3 || hits != 2 || misses != 3 {
		t.Errorf("%d beads, %d hits, %d misses", n, hits, misses)
	}
	if did := r.keep(control.CacheClear, "bead"); did["bead"].Cleared != 3 || len(did) != 1 {
		t.Errorf("%+v", did)
	}
	if n, _, _ := r.cached("status"); n == 0 {
		t.Error("more was dropped than was said")
	}
	if did := r.keep(control.CacheRefresh, "bead", "status", "agent"); did["bead"] != (control.CacheDone{Type: "bead", Read: 3}) ||
		did["status"].Cleared == 0 || did["agent"] != (control.CacheDone{Type: "agent", Cleared: 1, Read: 3}) {
		t.Errorf("%+v", did)
	}
	for _, bad := range []control.CacheRequest{{Do: "drop", Types: []string{"bead"}}, {Do: "clear", Types: []string{"page"}}} {
		if _, err := r.client.Cache(t.Context(), bad); err == nil {
			t.Errorf("%+v was done", bad)
		}
	}
	// Entries that Warm has no time for are left out and reported.
	if done, err := r.client.Cache(t.Context(), control.CacheRequest{Do: control.CacheWarmup, Types: []string{"bead", "status"}, Within: 1}); err != nil ||
		len(done) != 2 || done[0].Left+done[1].Left == 0 || done[0].Why+done[1].Why == "" {
		t.Errorf("%+v, %v", done, err)
	}
	// Changing the size drops the entries and keeps the counts.
	p.configure(func(c *config.Config) { p.set(c, "cache.memory_size", "1MB") })
	if err := r.client.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, hits, _ := r.cached("bead"); n != 0 || hits != 2 {
		t.Errorf("%d beads, %d hits", n, hits)
	}
	_, text := body(t, "http://"+r.Address()+"/metrics")
	for _, line := range []string{`gt_cache_hits_total{level="bead"} 2`, `gt_cache_entries{level="status"} 0`, `gt_cache_evictions_total{level="agent"} 0`} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %s in /metrics", line)
		}
	}
	p.configure(func(c *config.Config) { p.set(c, "cache.enabled", "false") })
	if err := r.client.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s, err := r.client.CacheStats(t.Context()); err != nil || s.Enabled || s.Why == "" {
		t.Errorf("%+v, %v", s, err)
	}
	reader = r.ledger()
	if _, err := reader.Get(t.Context(), []string{beads[0].ID}, nil); err != nil || reader.Queries() == 0 {
		t.Errorf("%d queries although nothing is cached, %v", reader.Queries(), err)
	}
	_, err := r.client.Cache(t.Context(), control.CacheRequest{Do: control.CacheWarmup, Types: control.CacheTypes})
	if !errors.Is(err, town.ErrRefused) || town.Next(err) == "" {
		t.Error(err)
	}
	r.keep(control.CacheClear, control.CacheTypes...)

	// The list of agents survives a restart of the Deacon.
	r.end()
	again := p.mustStart()
	defer again.end()
	all, err := again.client.Agents(t.Context())
	if err != nil || len(all) != 3 || all[1].Agent != "rig/crew/a1" || all[1].Note != "gt-1" {
		t.Errorf("%+v, %v", all, err)
	}
}
