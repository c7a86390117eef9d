package ledger

import (
	"slices"
	"testing"
	"time"

	"gastown/town"
)

// A bead that the ledger never had is stored as it is; one that it has is merged by
// the caller; a deleted one is left to the caller too.
func TestAdopt(t *testing.T) {
	s := newLedger(t)
	ctx := t.Context()
	if _, err := s.Create(ctx, []NewBead{{Bead: town.Bead{ID: "gt-1", Title: "first", Labels: []string{"kept"}}}, {Bead: town.Bead{ID: "gt-2", Title: "gone"}}}); err != nil {
		t.Fatal(err)
	}
	first, err := s.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, []string{"gt-2"}, "no longer"); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2030, 1, 2, 3, 4, 5, 6000, time.UTC)
	ids, err := s.Adopt(ctx, []string{"gt-1", "gt-2", "gt-3"}, func(id string, h Held) (*Taken, error) {
		switch id {
		case "gt-1":
			if len(h.Updated) != 1 || !h.Updated[0].Equal(h.Bead.UpdatedAt) {
				t.Errorf("%+v", h)
			}
			h.Bead.Title, h.Bead.UpdatedAt = "second", at
			h.Bead.Comments = []town.Comment{{Bead: id, Author: "gt", Text: "first", CreatedAt: at}}
			return &Taken{Bead: *h.Bead, State: at.Add(time.Hour)}, nil
		case "gt-2":
			if !h.Deleted || h.Bead != nil {
				t.Errorf("%+v", h)
			}
			return nil, nil
		}
		if h.Deleted || h.Bead != nil {
			t.Errorf("%+v", h)
		}
		return &Taken{Bead: town.Bead{ID: id, Title: "third", CreatedAt: at, UpdatedAt: at}}, nil
	})
	if err != nil || len(ids) != 2 {
		t.Fatal(ids, err)
	}
	got, err := s.Get(ctx, []string{"gt-1", "gt-3"}, nil)
	if err != nil || len(got) != 2 {
		t.Fatal(got, err)
	}
	if d := got[0]; d.Title != "second" || len(d.Labels) != 1 || len(d.Comments) != 1 || !d.UpdatedAt.Equal(at) {
		t.Errorf("%+v", d)
	}
	if d := got[1]; d.Status != town.StatusOpen || !d.UpdatedAt.Equal(at) {
		t.Errorf("%+v", d)
	}
	_, err = s.Adopt(ctx, []string{"gt-1"}, func(_ string, h Held) (*Taken, error) {
		if len(h.Updated) != 3 || !slices.ContainsFunc(h.Updated, at.Add(time.Hour).Equal) {
			t.Errorf("%v", h.Updated)
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	known, err := s.Known(ctx, []string{"gt-1", "gt-2", "gt-3", "gt-4"})
	if err != nil || len(known) != 3 || !known["gt-1"] || known["gt-2"] {
		t.Errorf("%v %v", known, err)
	}
	for commit, want := range map[string]bool{first: true, "l2jfg02oehmklpntp9lajskust4dm9re": false} {
		if got, err := s.Contains(ctx, commit); err != nil || got != want {
			t.Errorf("%s: %t %v", commit, got, err)
		}
	}
}
