package ledger

import (
	"errors"
	"testing"

	"gastown/town"
)

// The reason is stored together with the reopening, or neither is. A bead that is not
// closed keeps it, too.
func TestReopenBecause(t *testing.T) {
	s := newLedger(t)
	ctx := t.Context()
	a, b := create(t, s, titled("a"))[0].ID, create(t, s, titled("b"))[0].ID
	if _, err := closeBeads(ctx, s, []string{a}, "done"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.ReopenBecause(ctx, []string{a, "bd-nope"}, "why"); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
	if _, _, err := s.ReopenBecause(ctx, []string{a}, "bad\xff"); !errors.Is(err, town.ErrBadBead) {
		t.Errorf("%v", err)
	}
	got, unclosed, err := s.ReopenBecause(ctx, []string{a, b, a}, "why")
	if err != nil || len(got) != 3 || len(unclosed) != 1 || unclosed[0] != b || got[0].Status != town.StatusOpen || got[0].ClosedAt != nil {
		t.Errorf("%+v, %v", got, err)
	}
	details, err := s.Get(ctx, []string{a, b}, nil)
	if err != nil || details[0].CommentCount != 1 || details[0].Comments[0].Text != "why" || details[1].CommentCount != 1 {
		t.Errorf("%+v, %v", details, err)
	}
}
