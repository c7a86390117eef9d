package operational

import (
	"errors"
	"slices"
	"testing"
	"time"

	"gastown/town/tracker"
)

// Of several processes that read a link, one gets its change stored. News that come while
// one works on a bead keep it due.
func TestTrackerLinks(t *testing.T) {
	s, _ := create(t)
	defer s.Close()
	ctx := t.Context()
	due := func(at time.Time) (beads []string) {
		t.Helper()
		list, err := s.TrackerDue(ctx, "jira", at, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range list {
			beads = append(beads, l.Bead+" "+string(l.State))
		}
		return beads
	}
	mark := func(beads map[string]tracker.State, at time.Time) {
		t.Helper()
		if err := s.MarkTrackerBeads(ctx, "jira", beads, at); err != nil {
			t.Fatal(err)
		}
	}
	get := func(bead string) tracker.Link {
		t.Helper()
		list, err := s.TrackerLinks(ctx, "jira")
		i := slices.IndexFunc(list, func(l tracker.Link) bool { return l.Bead == bead })
		if err != nil || i < 0 {
			t.Fatal(err, list)
		}
		return list[i]
	}
	save := func(l tracker.Link, want bool) tracker.Link {
		t.Helper()
		stored, saved, err := s.SaveTrackerLink(ctx, l)
		if err != nil || saved != want {
			t.Fatalf("saved %v, %v", saved, err)
		}
		return stored
	}
	mark(map[string]tracker.State{"gt-1": tracker.Wanted, "gt-2": tracker.Seen, "gt-3": ""}, noon)
	mark(map[string]tracker.State{"gt-1": ""}, noon.Add(time.Minute))
	if err := s.MarkTrackerBeads(ctx, "github", map[string]tracker.State{"gt-1": tracker.Wanted}, noon); err != nil {
		t.Fatal(err)
	}
	if got := due(noon); !slices.Equal(got, []string{"gt-1 wanted", "gt-2 seen"}) {
		t.Error(got)
	}
	first, second := get("gt-1"), get("gt-1")
	first.State, first.Asked, first.Changed = tracker.Asked, noon, noon
	first = save(first, true)
	second.State = tracker.Asked
	save(second, false)
	first.State, first.Issue, first.URL, first.Theirs, first.Closed = tracker.Linked, "10001", "https://jira/browse/GT-1", true, true
	first.Sent, first.Reason, first.Attempts, first.Next, first.Asked = "d", "r", 3, noon.Add(time.Hour), time.Time{}
	first = save(first, true)
	if got := get("gt-1"); got != first {
		t.Errorf("%+v, want %+v", got, first)
	}
	if got := due(noon.Add(time.Minute)); !slices.Equal(got, []string{"gt-2 seen"}) {
		t.Error(got)
	}
	mark(map[string]tracker.State{"gt-1": ""}, noon.Add(2*time.Minute))
	first.Next = time.Time{}
	if first = save(first, true); !first.Next.Equal(noon.Add(2 * time.Minute)) {
		t.Errorf("news that came meanwhile are lost: %+v", first)
	}
	first.Next = time.Time{}
	if first = save(first, true); !first.Next.IsZero() || !get("gt-1").Next.IsZero() || !first.Refused() {
		t.Errorf("%+v", first)
	}
	if l, found, err := s.TrackerLinkOf(ctx, "jira", "10001"); err != nil || !found || l.Bead != "gt-1" {
		t.Errorf("%+v, %v, %v", l, found, err)
	}
	if _, found, err := s.TrackerLinkOf(ctx, "github", "10001"); err != nil || found {
		t.Error(found, err)
	}
	if err := errors.Join(s.MarkTrackerRefused(ctx, "jira", noon), s.DropTrackerLink(ctx, get("gt-1")), s.AdoptTrackerLink(ctx, tracker.Link{Plugin: "jira", Bead: "gt-1", Changed: noon})); err != nil {
		t.Fatal(err)
	}
	if l := get("gt-1"); !l.Next.Equal(noon) || l.Issue != "10001" {
		t.Errorf("%+v", l)
	}
	two := get("gt-2")
	mark(map[string]tracker.State{"gt-2": tracker.Seen}, noon.Add(time.Hour))
	if err := s.DropTrackerLink(ctx, two); err != nil || get("gt-2").Marks != 2 {
		t.Errorf("news of a bead were dropped: %v", err)
	}
	if err := s.AdoptTrackerLink(ctx, tracker.Link{Plugin: "jira", Bead: "gt-2", State: tracker.Linked, Issue: "7", Theirs: true, Changed: noon}); err != nil {
		t.Fatal(err)
	}
	if l := get("gt-2"); l.Issue != "7" || !l.Next.Equal(noon) || l.Version != 1 {
		t.Errorf("%+v", l)
	}
	if all, err := s.PendingTrackerLinks(ctx, "jira"); err != nil || len(all) != 2 {
		t.Errorf("%+v, %v", all, err)
	}
	if all, err := s.TrackerLinks(ctx, ""); err != nil || len(all) != 3 {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestTrackerComments(t *testing.T) {
	s, _ := create(t)
	defer s.Close()
	ctx := t.Context()
	ask := func(before tracker.Comment, at time.Time, want bool) {
		t.Helper()
		if won, err := s.AskTrackerComment(ctx, "jira", "gt-1", before, at); err != nil || won != want {
			t.Errorf("won %v, %v", won, err)
		}
	}
	none := tracker.Comment{ID: "c1"}
	ask(none, noon, true)
	ask(none, noon, false)
	all, err := s.TrackerComments(ctx, "jira", "gt-1")
	if err != nil || len(all) != 1 || all["c1"] != (tracker.Comment{ID: "c1", State: tracker.CommentAsked, Asked: noon}) {
		t.Errorf("%+v, %v", all, err)
	}
	ask(all["c1"], noon.Add(time.Hour), true)
	ask(all["c1"], noon.Add(time.Hour), false)
	if err := errors.Join(s.SaveTrackerComment(ctx, "jira", "gt-1", tracker.Comment{ID: "c1", State: tracker.CommentSent}),
		s.SaveTrackerComment(ctx, "jira", "gt-1", tracker.Comment{ID: "c2", State: tracker.CommentRefused}), s.MarkTrackerRefused(ctx, "jira", noon)); err != nil {
		t.Fatal(err)
	}
	if all, err = s.TrackerComments(ctx, "jira", "gt-1"); err != nil || len(all) != 1 || all["c1"].State != tracker.CommentSent {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestTrackerStanding(t *testing.T) {
	s, _ := create(t)
	defer s.Close()
	ctx := t.Context()
	if st, found, err := s.TrackerStanding(ctx, "jira"); err != nil || found {
		t.Errorf("%+v, %v", st, err)
	}
	for _, want := range []tracker.Standing{{Began: noon}, {Began: noon, Until: noon.Add(time.Hour), Reason: "too often"}, {Began: noon}} {
		if err := s.SetTrackerStanding(ctx, "jira", want); err != nil {
			t.Fatal(err)
		}
		if st, found, err := s.TrackerStanding(ctx, "jira"); err != nil || !found || st != want {
			t.Errorf("%+v, %v, want %+v", st, err, want)
		}
	}
}
