package ledger

import (
	"errors"
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
	view.Restrict(func(bead, assignee string) error {
		if assignee != "" && assignee != mine {
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
	if _, err := view.Create(ctx, []NewBead{titled("new")}); err != nil {
		t.Error(err)
	}
	if _, err := s.Update(ctx, []Patch{{ID: "gt-other", Priority: &one}}); err != nil {
		t.Errorf("another caller of the same ledger: %v", err)
	}
}
