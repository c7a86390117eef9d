package host

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"gastown/cmd/internal/term"
	"gastown/planes/doltdb"
	"gastown/planes/federation"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/durable"
	"gastown/town/layout"
)

// ReviewsOpen is the error of a command that succeeded while roles wait for a
// person's review.
type ReviewsOpen struct{ Count int }

func (e ReviewsOpen) Error() string {
	return term.Plural(e.Count, "review awaits", "reviews await") + " a person"
}

// Unwrap makes it a town.ErrReview.
func (e ReviewsOpen) Unwrap() error { return town.ErrReview }

// Advice is the next step for errors of this package that have none; "" for others.
func Advice(err error) string {
	var reviews ReviewsOpen
	if errors.As(err, &reviews) {
		return "gt federation conflicts"
	}
	return ""
}

// OpenReviews are the ids of the reviews that were open when the plane was last
// read, sorted. It opens no plane.
func (h *Host) OpenReviews() ([]string, error) {
	data, err := os.ReadFile(h.Layout.Reviews())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	ids, _, _ := strings.Cut(string(data), boardMark)
	return strings.Fields(ids), err
}

// boardMark begins the line of the reviews' file with the sign that the operational
// plane had when the reviews were written to it.
const boardMark = "\nplane:"

// posted reports whether the operational plane has the reviews in the file. It has
// not if an older copy was put in its place.
func (h *Host) posted() (bool, error) {
	data, err := os.ReadFile(h.Layout.Reviews())
	if errors.Is(err, os.ErrNotExist) {
		return true, nil // nothing was ever written
	}
	_, sign, _ := strings.Cut(string(data), boardMark)
	now, _, _ := doltdb.Sign(h.Database(layout.Operational))
	return doltdb.Grew(sign, now), err
}

// CheckReviews returns ReviewsOpen if a person has to decide something.
func (h *Host) CheckReviews() error {
	known, err := h.OpenReviews()
	if err != nil || len(known) == 0 {
		return err
	}
	return ReviewsOpen{len(known)}
}

// reviews lets the engine report open reviews to the operational plane.
type reviews struct{ host *Host }

// Post writes the open reviews to the operational plane. A small file holds the set
// that the plane has, so that the plane is opened only when the set has changed,
// which is rare.
func (r reviews) Post(ctx context.Context, open []federation.Review) error {
	h := r.host
	ids := make([]string, len(open))
	for i, v := range open {
		ids[i] = string(v.ID)
	}
	slices.Sort(ids)
	known, err := h.OpenReviews()
	if err != nil {
		return err
	}
	posted, err := h.posted()
	if err != nil || posted && slices.Equal(known, ids) {
		return err
	}
	list := make([]operational.Review, len(open))
	for i, v := range open {
		list[i] = operational.Review{Proposal: v.ID, Name: v.Name}
	}
	err = h.Operational(ctx, func(s *operational.Store) error {
		_, err := s.Reviews(ctx, list, h.call.Now())
		return err
	})
	if err != nil {
		return err
	}
	sign, _, _ := doltdb.Sign(h.Database(layout.Operational))
	return durable.WritePrivate(h.Layout.Reviews(), []byte(strings.Join(ids, "\n")+boardMark+sign))
}
