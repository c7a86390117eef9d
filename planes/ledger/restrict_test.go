package ledger

import (
	"errors"
	"strings"
	"testing"

	"gastown/town"
)

// What somebody else has is written by no way there is, and a bead cannot be taken over and
// changed in one step.
func TestRestrict(t *testing.T) {
	s := newLedger(t)
	ctx := t.Context()
	other, none, mine := "web/polecats/nux", "", "web/polecats/amber"
	for id, assignee := range map[string]string{"gt-other": other, "gt-none": none, "gt-mine": mine} {
		b := titled("a bead")
		b.ID, b.Assignee = id, assignee
		if _, err := s.Create(ctx, []NewBead{b}); err != nil {
			t.Fatal(err)
		}
	}
	errNo := errors.New("not yours")
	view := s.As(Session{Actor: town.Actor{Name: mine}})
	var last Touch
	view.Restrict(func(w Touch) error {
		if last = w; w.Assignee != "" && w.Assignee != mine {
			return errNo
		}
		return nil
	})
	before, err := s.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	one, open := 1, town.StatusInProgress
	for name, try := range map[string]func(id string) error{
		"update":    func(id string) error { _, err := view.Update(ctx, []Patch{{ID: id, Priority: &one}}); return err },
		"take over": func(id string) error { _, err := view.Update(ctx, []Patch{{ID: id, Assignee: &mine}}); return err },
		"status":    func(id string) error { _, err := view.Update(ctx, []Patch{{ID: id, Status: &open}}); return err },
		"in two steps": func(id string) error {
			return view.Together(ctx, "take", func(c *Change) error {
				if _, err := c.Update(ctx, []Patch{{ID: id, Assignee: &none}}); err != nil {
					return err
				}
				_, err := c.Update(ctx, []Patch{{ID: id, Priority: &one}})
				return err
			})
		},
		"link": func(id string) error {
			_, err := view.DepAdd(ctx, []town.Dependency{{Bead: id, Target: "gt-none", Type: town.DepRelated}})
			return err
		},
		"delete": func(id string) error { return view.Delete(ctx, []string{id}, "") },
	} {
		if err := try("gt-other"); !errors.Is(err, errNo) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after, err := s.Head(ctx); err != nil || after != before {
		t.Errorf("something was written: %v", err)
	}
	if _, err := view.Comment(ctx, "gt-other", "said"); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"gt-none", "gt-mine"} {
		if _, err := view.Update(ctx, []Patch{{ID: id, Priority: &one}}); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	closed := town.StatusClosed
	for name, c := range map[string]struct {
		patch Patch
		want  Touch
	}{
		"title":    {Patch{Title: new("another")}, Touch{}},
		"claim":    {Patch{Claim: true}, Touch{}},
		"give":     {Patch{Assignee: &other}, Touch{Moves: true}},
		"let go":   {Patch{Assignee: &none}, Touch{Moves: true}},
		"close":    {Patch{Status: &closed}, Touch{Ends: true}},
		"both":     {Patch{Status: &closed, Assignee: &other}, Touch{Ends: true, Moves: true}},
		"reassign": {Patch{Assignee: &mine, Priority: new(3)}, Touch{}},
	} {
		b := titled("a bead")
		b.ID, b.Assignee = "gt-"+strings.ReplaceAll(name, " ", ""), mine
		if _, err := s.Create(ctx, []NewBead{b}); err != nil {
			t.Fatal(err)
		}
		c.patch.ID, c.want.Bead, c.want.Assignee = b.ID, b.ID, mine
		if _, err := view.Update(ctx, []Patch{c.patch}); err != nil || last != c.want {
			t.Errorf("%s: asked about %+v, want %+v: %v", name, last, c.want, err)
		}
	}
	if err := view.Delete(ctx, []string{"gt-title"}, ""); err != nil || last != (Touch{Bead: "gt-title", Assignee: mine, Ends: true}) {
		t.Errorf("delete: asked about %+v: %v", last, err)
	}
	if _, err := view.Create(ctx, []NewBead{titled("new")}); err != nil {
		t.Error(err)
	}
	if _, err := s.Update(ctx, []Patch{{ID: "gt-other", Priority: &one}}); err != nil {
		t.Errorf("another caller of the same ledger: %v", err)
	}
}
