package exchange

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"gastown/planes/doltdb"
	"gastown/sync/share"
	"gastown/town"
)

// Records from several repositories are read as one list: each record once, in
// the state that was updated last, even when the filter matches only an older
// state.
func TestShelfReadsSeveralAsOne(t *testing.T) {
	first, second, other := newStore(t, "a"), newStore(t, "a"), newStore(t, "b")
	early, late := "2026-01-01T00:00:00.000000Z", "2026-01-02T00:00:00.000000Z"
	first.publish(t, []share.Record{
		record("gt-1", "old", "updated_at", early), record("gt-2", "only here", "updated_at", early), record("gt-3", "new", "updated_at", late),
		record("gt-4", "first of two"), record("gt-6", "less", "updated_at", early), record("gt-7", "more", "updated_at", early, "notes", "n")})
	second.publish(t, []share.Record{
		record("gt-1", "new", "updated_at", late, "status", "closed"), record("gt-3", "old", "updated_at", early, "priority", "0"),
		record("gt-4", "second of two"), record("gt-5", "urgent", "priority", "1"),
		record("gt-6", "more", "updated_at", early, "notes", "n"), record("gt-7", "less", "updated_at", early)})
	other.publish(t, []share.Record{record("gt-1", "of b")})
	shelf := Shelf{first, second, other}
	for _, c := range []struct {
		f    Filter
		want string
	}{
		{Filter{}, "gt-5 urgent, gt-1 new, gt-3 new, gt-2 only here, gt-6 more, gt-7 more, gt-4 first of two"},
		{Filter{Limit: 2}, "gt-5 urgent, gt-1 new"},
		{Filter{Text: "old"}, ""}, {Filter{Priorities: []int{0}}, ""}, {Filter{Statuses: []town.Status{"closed"}}, "gt-1 new"},
	} {
		var got []string
		err := shelf.List(t.Context(), "town-a", c.f, func(r Record) error { got = append(got, r.Bead.ID+" "+r.Bead.Title); return nil })
		if err != nil || strings.Join(got, ", ") != c.want {
			t.Errorf("%+v: %q %v", c.f, got, err)
		}
	}
	for id, want := range map[string]string{"gt-1": "new", "gt-2": "only here", "gt-3": "new", "gt-4": "first of two", "gt-5": "urgent", "gt-6": "more", "gt-7": "more"} {
		if r, err := shelf.Get(t.Context(), "a", id); err != nil || r.Bead.Title != want {
			t.Errorf("%s: %+v %v", id, r, err)
		}
	}
	if _, err := shelf.Get(t.Context(), "town-b", "gt-2"); !errors.Is(err, doltdb.ErrNoRows) {
		t.Error(err)
	}
	end := errors.New("end")
	if err := shelf.List(t.Context(), "town-a", Filter{}, func(Record) error { return end }); !errors.Is(err, end) {
		t.Error(err)
	}
}

// Stores that do not exist, and those of another federation, hold nothing.
func TestShelfPassesOverWhatIsNotThere(t *testing.T) {
	here, gone, foreign := options(t), options(t), options(t)
	for _, o := range []struct {
		doltdb.Options
		uuid string
	}{{here, uuid}, {foreign, "another"}} {
		s, err := Create(t.Context(), o.Options, o.uuid, "a")
		if err != nil {
			t.Fatal(err)
		}
		s.signing(t).publish(t, []share.Record{record("gt-1", "of "+o.uuid)})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	shelf, err := OpenShelf(t.Context(), uuid, "b", gone, foreign, here)
	if err != nil || len(shelf) != 1 {
		t.Fatal(shelf, err)
	}
	r, err := shelf.Get(t.Context(), "a", "gt-1")
	if err = errors.Join(err, shelf.Close()); err != nil || !slices.Contains(r.Fields, "title") || r.Bead.Title != "of "+uuid {
		t.Errorf("%+v %v", r, err)
	}
	if _, err := os.Lstat(gone.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("reading made a store")
	}
}
