package federate

import (
	"context"
	"errors"
	"time"

	"gastown/planes/doltdb"
	"gastown/sync/gitremote"
	"gastown/town"
)

// staged is what a push is about to publish.
type staged struct {
	// head is the plane's tip; shown says that the files show it.
	head  string
	shown bool
	// plan is for the records of the ledger.
	plan *sharePlan
}

// stageEdits is stage, unless the federation plane is no concern of the call:
// then its mirror says what the remote does.
func (e *Engine) stageEdits(ctx context.Context, l *remoteLock, m *gitremote.Mirror, out *Pushed) (staged, error) {
	if e.opts.OnlyLedger {
		return staged{}, m.Reset(ctx)
	}
	return e.stage(ctx, l, m, out)
}

// stage records edits and puts the plane's tip into the mirror.
func (e *Engine) stage(ctx context.Context, l *remoteLock, m *gitremote.Mirror, out *Pushed) (s staged, err error) {
	err = e.with(ctx, func(w *workspace) error {
		rec, err := w.recordFor(ctx, out)
		if err != nil {
			return err
		}
		if out.recorded.IsZero() {
			out.recorded = time.Now()
		}
		if rec.Commit != "" || out.Attempts == 1 {
			out.Recorded = rec
			out.Recorded.Notes = append(l.told(), rec.Notes...)
		}
		if len(rec.Notes) > 0 || out.Attempts == 1 {
			reviews, err := e.tellReviews(ctx, w.store)
			if err != nil {
				return err
			}
			out.Reviews = len(reviews)
		}
		if s.head, err = e.onlyAgreed(ctx, w, l, out); err != nil {
			return err
		}
		s.shown = len(w.behind) == 0
		st, err := e.stateOf(l.remote)
		if err != nil {
			return err
		}
		counted := e.step("count")
		err = w.store.View(ctx, func(tx *doltdb.Tx) error {
			if st.Commit == s.head {
				out.Commits = 0
				return nil
			}
			from, err := w.known(ctx, st.Commit)
			if err != nil {
				return err
			}
			out.Commits, err = tx.Count(ctx, from, s.head)
			return err
		})
		counted()
		if err != nil {
			return err
		}
		defer e.step("stage")()
		return w.store.Push(ctx, l.remote.Name, m.Dir())
	})
	return s, err
}

// recordFor records edits before a push, unless files are no concern of it.
func (w *workspace) recordFor(ctx context.Context, out *Pushed) (Recorded, error) {
	if out.asRecorded {
		return Recorded{}, w.show(ctx)
	}
	return w.record(ctx, "")
}

// onlyAgreed returns the plane's tip, which is about to be published. Where a
// person was asked it must be what that person saw; then the agreement is noted
// and the Town enters the registry.
func (e *Engine) onlyAgreed(ctx context.Context, w *workspace, l *remoteLock, out *Pushed) (head string, err error) {
	head, err = w.store.Head(ctx)
	if err != nil || out.agreed == "" {
		return head, err
	}
	if head != out.agreed {
		return "", errUnseen
	}
	if _, err := w.store.Register(ctx, e.opts.Name); err != nil {
		return "", err
	}
	if out.agreed, err = w.store.Head(ctx); err != nil {
		return "", err
	}
	return out.agreed, e.confirm(l)
}

// publish sends the mirror to the remote. done is false when the caller should
// merge and try again: after gitremote.ErrRejected, and without an error where
// what was sent did not arrive or the remote has changed.
func (e *Engine) publish(ctx context.Context, l *remoteLock, m *gitremote.Mirror, opts gitremote.PublishOptions, s staged, out *Pushed) (done bool, err error) {
	name := l.remote.Name
	published := e.step("publish")
	res, err := m.Publish(ctx, opts)
	published()
	known := true // that the records arrived too
	switch {
	case errors.Is(err, gitremote.ErrUnknownOutcome):
		// The answer was lost. Look at the ref before saying anything.
		fetched, ferr := m.Fetch(ctx)
		if fetched.Empty || opts.Recreate && errors.Is(ferr, gitremote.ErrGone) {
			// It was the first push, and there is nothing to merge before another.
			return false, town.Fail("publish the federation at "+name, "run it again", "%w, and nothing has arrived", err)
		}
		if ferr != nil {
			return false, errors.Join(err, ferr)
		}
		known = l.recordsArrived()
		if !fetched.PublishedEarlier && !known {
			if out.lost++; out.lost == maxLost {
				return false, err
			}
			return false, nil
		}
		res.Head = fetched.Head
	case err != nil:
		return false, err
	}
	st, err := e.loadState(name)
	if err != nil {
		return false, err
	}
	when := e.opts.Now()
	switch {
	case res.Unchanged && l.met(m):
		res.Head, out.UpToDate, when = m.Head(), true, l.last.at
	case res.Unchanged:
		// Nothing was sent, so nobody has confirmed anything yet: ask.
		before, records := m.Head(), l.recordsHead()
		fetched, err := m.Fetch(ctx)
		if err != nil {
			return false, err
		}
		if fetched.Head != before || l.recordsHead() != records {
			return false, nil
		}
		res.Head, out.UpToDate = before, true
	}
	out.Sent += res.Sent
	if s.head != "" {
		st.Commit = s.head
	}
	if s.shown {
		st.Head = res.Head
	}
	if known {
		e.noteShare(l, s.plan, &st)
	}
	e.tidy(m)
	if err := e.verified(name, st, when); err != nil {
		return false, err
	}
	if !out.recorded.IsZero() {
		e.took("sync", out.recorded)
	}
	return true, nil
}
