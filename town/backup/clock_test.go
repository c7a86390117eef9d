package backup

import (
	"slices"
	"testing"
	"time"
)

// A point that was taken while the clock was ten years ahead is neither the newest for good
// nor there for good.
func TestPointsOfAWrongClock(t *testing.T) {
	h := newHarness(t)
	right := h.now
	first := h.take(Databases).Point.Name
	h.now = right.AddDate(10, 0, 0)
	h.put("under a wrong clock")
	wrong := h.take(Databases).Point.Name
	h.now = right.Add(time.Hour)
	// Nothing has changed, and still there is a point with a date to rely on.
	third := h.take(Databases).Point.Name
	h.put("later")
	newest := h.take(Databases).Point.Name

	choose := func(at time.Time) string {
		t.Helper()
		e, err := h.Choose(t.Context(), h.to(), Databases, "", at)
		if err != nil {
			t.Fatal(err)
		}
		return e.Name
	}
	if got := choose(time.Time{}); got != newest {
		t.Errorf("the newest is %s, want %s", got, newest)
	}
	if got := choose(right.Add(30 * time.Minute)); got != first {
		t.Errorf("half an hour later it was %s, want %s", got, first)
	}
	all, err := h.List(t.Context(), h.to())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range all {
		names = append(names, e.Name)
		if e.Name == wrong && (!e.Taken.After(e.Dated) || e.Dated.After(h.now)) {
			t.Errorf("%s counts as taken at %s", e.Name, e.Dated)
		}
	}
	if want := []string{first, wrong, third, newest}; !slices.Equal(names, want) {
		t.Errorf("the order is %q, want %q", names, want)
	}
	// What is restored is what was in it.
	h.restore(wrong, "")
	if got := h.names("ledger"); !slices.Contains(got, "under a wrong clock") || slices.Contains(got, "later") {
		t.Errorf("%s holds %q", wrong, got)
	}
	// It goes with those of its time, and the newest stays.
	h.now = right.Add(31 * 24 * time.Hour)
	pruned, err := h.Prune(t.Context())
	if err != nil || pruned[0].Err != nil {
		t.Fatal(err, pruned)
	}
	if want := []string{third, wrong, first}; !slices.Equal(pruned[0].Points, want) {
		t.Errorf("pruned %q, want %q", pruned[0].Points, want)
	}
	if got := choose(time.Time{}); got != newest {
		t.Errorf("left is %s, want %s", got, newest)
	}
}
