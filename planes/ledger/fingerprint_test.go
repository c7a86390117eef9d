package ledger

import (
	"context"
	"os"
	"testing"
	"time"

	"gastown/planes/doltdb"
)

// What is read while a write is in the journal but not marked as complete may
// be the old state. It is not cached, because the writer may be killed in
// between.
func TestAnAnswerFromTheGapIsNotKept(t *testing.T) {
	s := newLedger(t)
	r := second(t, s)
	id := create(t, s, titled("kept"))[0].ID
	if r.fingerprint.generation == nil {
		return // another server's database is asked for its root before it is read
	}
	answer := "old"
	ask := func() string {
		got, err := cached(t.Context(), r, "what is it", nil, func(v string) string { return v }, func(context.Context) (string, error) { return answer, nil })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Get(t.Context(), []string{id}, nil); err != nil {
			t.Fatal(err)
		}
		return got
	}
	journal := func(at time.Time) {
		for _, path := range doltdb.WatchedFiles(r.fingerprint.dir) {
			if err := os.Chtimes(path, at, at); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
		}
	}
	mark := time.Now().Add(-time.Hour)
	if err := os.Chtimes(r.fingerprint.generation.Name(), mark, mark); err != nil {
		t.Fatal(err)
	}
	journal(time.Now().Add(time.Minute)) // for as long as this test may take
	ask()
	answer = "new"
	if got := ask(); got != "new" || r.caches.beads.Stats().Entries != 0 {
		t.Errorf("%s, and kept is %+v", got, r.caches.beads.Stats())
	}
	for name, at := range map[string]time.Time{"announced": mark, "settled": mark.Add(time.Minute)} {
		journal(at)
		answer = "kept"
		ask()
		answer = "newer"
		if got := ask(); got != "kept" || r.caches.beads.Stats().Entries != 1 {
			t.Errorf("%s: %s, and kept is %+v", name, got, r.caches.beads.Stats())
		}
	}
}
