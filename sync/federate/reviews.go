package federate

import (
	"context"
	"errors"

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

// Resolve decides one review, named by its role or its id, and shows the
// outcome in the role's file. Edited files are recorded first. Other Towns
// learn of it with the next push.
func (e *Engine) Resolve(ctx context.Context, what string, outcome federation.Outcome, merged string) (out Resolved, err error) {
	err = e.with(ctx, func(w *workspace) error {
		if _, err := w.record(ctx, ""); err != nil {
			return err
		}
		reviews, err := w.store.Reviews(ctx)
		if err != nil {
			return err
		}
		r, err := federation.Pick(reviews, what)
		if err != nil {
			return err
		}
		if outcome == federation.OutcomeMerged {
			if _, err := files.Check(r.Key, merged); err != nil {
				return town.Fail("resolve "+r.Key.String(), "mend the merged text and run it again", "%w: %w", town.ErrUsage, err)
			}
		}
		message := "resolve " + r.Key.String() + ": " + string(outcome)
		if _, err := w.store.Resolve(ctx, r, outcome, merged, message); err != nil {
			return err
		}
		if err := w.show(ctx); err != nil {
			return err
		}
		left, err := e.tellReviews(ctx, w.store)
		out = Resolved{Review: r, Outcome: outcome, Open: len(left), FileReport: FileReport{Kept: w.skipped, Rescued: w.rescued}}
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
		_, err := e.tellReviews(ctx, w.store)
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
