package ledger

import (
	"strings"
	"testing"
	"time"

	"gastown/town"
)

// Reading ahead stays within the limits of number, bytes and time, and reports
// what was left out.
func TestWarmIsBounded(t *testing.T) {
	s := newLedger(t)
	var list []NewBead
	for range 12 {
		b := titled("some")
		b.Description = strings.Repeat("x", 10_000)
		list = append(list, b)
	}
	large := titled("large")
	large.Description = strings.Repeat("y", 60_000)
	create(t, s, append(list, large)...)
	open := Filter{Not: []town.Status{town.StatusClosed}}
	for what, c := range map[string]struct {
		bytes      int64
		within     time.Duration
		read, left int
		why        string
	}{
		"room for all": {10 << 20, time.Minute, 13, 0, ""},
		"one of them":  {400_000, time.Minute, 12, 1, tooLarge},
		"half of them": {100_000, time.Minute, 5, 8, "half of cache.memory_size is filled"},
		"none":         {10_000, time.Minute, 0, 13, tooLarge},
		"no time":      {10 << 20, time.Nanosecond, 0, 13, "no more time"},
	} {
		r := second(t, s)
		r.Cached(NewCaches(c.bytes, 0))
		w, err := r.Warm(t.Context(), open, c.within)
		if err != nil || w.Read != c.read || w.Left < min(c.left, 1) || c.within > time.Second && w.Left != c.left || !strings.Contains(strings.Join(w.Why, "; "), c.why) {
			t.Errorf("%s: %+v, %v", what, w, err)
		}
		if held := r.caches.budget.Used(); held > c.bytes {
			t.Errorf("%s: %d bytes are held of %d", what, held, c.bytes)
		}
		if n := r.caches.Stats()[0].Entries; n != w.Read {
			t.Errorf("%s: %d beads are kept, %d it says", what, n, w.Read)
		}
	}
}

func TestWarmUsualIsBounded(t *testing.T) {
	s := newLedger(t)
	b := titled("some")
	b.Description = strings.Repeat("x", 50_000)
	create(t, s, b, b)
	for what, c := range map[string]struct {
		bytes      int64
		within     time.Duration
		read, left int
	}{
		"room for all":   {10 << 20, time.Minute, 6, 0},
		"without texts":  {200_000, time.Minute, 4, 2},
		"room for none":  {1_000, time.Minute, 0, 6},
		"no time at all": {10 << 20, time.Nanosecond, 0, 6},
	} {
		r := second(t, s)
		r.Cached(NewCaches(c.bytes, 0))
		w, err := r.WarmUsual(t.Context(), c.within)
		if err != nil || w.Read != c.read || w.Left != c.left || (len(w.Why) > 0) != (c.left > 0) {
			t.Errorf("%s: %+v, %v", what, w, err)
		}
		if n := r.caches.Stats()[1].Entries; n < w.Read || w.Read == 0 && n > 0 {
			t.Errorf("%s: %d answers are kept, %d it says", what, n, w.Read)
		}
	}
}
