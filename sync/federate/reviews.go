package federate

import (
	"context"
	"errors"
	"strings"

	"gastown/planes/federation"
	"gastown/sync/files"
	"gastown/town"
)

// Resolved is the outcome of Resolve.
type Resolved struct {
	Review  federation.Review
	Outcome federation.Outcome
	// Open counts the reviews that remain.
	Open int
	FileReport
}

// ErrChanged reports a decision about a text that is no longer in force. It comes
// with town.ErrBusy: nothing was changed, and a person can look and decide again.
var ErrChanged = errors.New("the text in force is another one now")

// Decision is what a person decided about a review.
type Decision struct {
	// Review is a role's name, role/NAME, or the start of a review's id.
	Review  string
	Outcome federation.Outcome
	// Merged is the text for OutcomeMerged.
	Merged string
	// Over is the start (at least four characters) of the content digest of the
	// text the person saw in force, or NoText where there was none. The decision
	// counts only while that text is in force. Empty: whatever is in force.
	Over string
}

// NoText is Decision.Over where no text was in force.
const NoText = "none"

// over reports whether the text in force is the one decided over.
func (d Decision) over(current *town.Edit) bool {
	switch {
	case d.Over == "":
		return true
	case current == nil:
		return d.Over == NoText
	}
	return len(d.Over) >= 4 && strings.HasPrefix(string(current.Content()), d.Over)
}

// postReviews posts the open reviews on the board.
func (w *workspace) postReviews(ctx context.Context) ([]federation.Review, error) {
	defer w.engine.step("reviews")()
	reviews, err := w.store.Reviews(ctx)
	if err != nil || w.engine.opts.Reviews == nil {
		return reviews, err
	}
	return reviews, w.engine.opts.Reviews.Post(ctx, reviews)
}

// Resolve decides one review and shows the outcome in the role's file. Edited
// files are recorded first. Other Towns learn of it with the next push.
func (e *Engine) Resolve(ctx context.Context, d Decision) (out Resolved, err error) {
	err = e.with(ctx, func(w *workspace) error {
		if _, err := w.record(ctx, ""); err != nil {
			return err
		}
		reviews, err := w.store.Reviews(ctx)
		if err != nil {
			return err
		}
		r, err := federation.Pick(reviews, d.Review)
		if err != nil {
			return err
		}
		if !d.over(r.Current) {
			return town.Fail("resolve "+r.Key.String(), "gt federation conflicts show "+r.ID.Short()+" shows it as it is now; decide again",
				"%w: %w", town.ErrBusy, ErrChanged)
		}
		text := d.Merged
		if d.Outcome == federation.OutcomeOurs {
			text = r.Text
		}
		if d.Outcome == federation.OutcomeMerged || d.Outcome == federation.OutcomeOurs && !r.Delete && r.Kind == town.KindFormula {
			meta, err := files.Check(r.Key, text)
			if err != nil {
				return town.Fail("resolve "+r.Key.String(), "mend the merged text and run it again", "%w: %w", town.ErrUsage, err)
			}
			r.Version = meta.Version
		}
		message := "resolve " + r.Key.String() + ": " + string(d.Outcome)
		if _, err := w.store.Resolve(ctx, r, d.Outcome, d.Merged, message); err != nil {
			return err
		}
		if err := w.show(ctx); err != nil {
			return err
		}
		left, err := w.postReviews(ctx)
		out = Resolved{Review: r, Outcome: d.Outcome, Open: len(left), FileReport: w.report()}
		return err
	})
	return out, err
}

// Restore puts an older text of a document in force again and shows it.
func (e *Engine) Restore(ctx context.Context, key town.Key, version string) (past federation.Past, err error) {
	err = e.with(ctx, func(w *workspace) error {
		if _, err := w.record(ctx, ""); err != nil {
			return err
		}
		if past, err = w.store.Find(ctx, key, version); err != nil {
			return err
		}
		if past.Kind == town.KindFormula {
			meta, err := files.Check(key, past.Text)
			if err != nil {
				return err
			}
			past.Version = meta.Version
		}
		if _, err := w.store.Restore(ctx, past); err != nil {
			if errors.Is(err, federation.ErrSame) {
				return nil
			}
			return err
		}
		if err := w.show(ctx); err != nil {
			return err
		}
		_, err := w.postReviews(ctx)
		return err
	})
	return past, err
}

// Read opens the plane for fn to read.
func (e *Engine) Read(ctx context.Context, fn func(*federation.Store) error) (err error) {
	defer func() { err = e.disk(err) }()
	s, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return fn(s)
}
