package operational

import (
	"slices"
	"testing"
	"time"
)

// The feed tells of a bound once, however often it is found, and when it holds no more.
func TestHolds(t *testing.T) {
	s, _ := create(t)
	defer s.Close()
	memory, load := Hold{Rig: "web", Bound: "machine.free_memory", Why: "100 MB"}, Hold{Rig: "web", Bound: "machine.max_load", Why: "17.2"}
	api := Hold{Rig: "api", Bound: "polecat.max_per_rig", Why: "20"}
	for i, c := range []struct {
		list []Hold
		want []string
	}{
		{[]Hold{memory}, []string{"queue.held web"}}, {[]Hold{memory}, nil}, {[]Hold{api, memory}, []string{"queue.held api"}}, {[]Hold{api, load}, []string{"queue.held web"}},
		{[]Hold{load}, []string{"queue.free api"}}, {nil, []string{"queue.free web"}}, {nil, nil},
	} {
		before, err := s.FeedState(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Hold(t.Context(), c.list, noon.Add(time.Duration(i)*time.Minute)); err != nil {
			t.Fatal(err)
		}
		page, err := s.FeedAfter(t.Context(), before.Last, 10)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range page.Entries {
			got = append(got, e.Kind+" "+e.Subject)
		}
		w, err := s.Work(t.Context())
		if err != nil || !slices.Equal(got, c.want) || !SameHolds(w.Holds, c.list) {
			t.Errorf("step %d: %q, %+v, %v, want %q", i, got, w.Holds, err, c.want)
		}
		if i == 2 && !w.Holds[1].Since.Equal(noon) {
			t.Errorf("it holds since %s", w.Holds[1].Since)
		}
	}
}
