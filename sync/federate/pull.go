package federate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gastown/planes/doltdb"
	"gastown/sync/gitremote"
	"gastown/town"
)

// ErrUnrelated reports a remote whose history is not this Town's.
var ErrUnrelated = errors.New("the remote's history is not this Town's")

// errNone: the repository is there and has no federation on the ref.
var errNone = errors.New("the repository holds no federation yet")

// Pulled is the outcome of Pull.
type Pulled struct {
	Remote string
	// UpToDate: the remote had nothing new.
	UpToDate bool
	// Commits is how many commits arrived.
	Commits int
	// Documents is how many files were written or removed.
	Documents int
	// Records counts records of other Towns' ledgers that arrived.
	Records int
	// Notes tell what became of conflicts; Reviews counts open proposals.
	Notes   []string
	Reviews int
	// DryRun: nothing was merged.
	DryRun bool
	FileReport

	// ours and merged are the plane's tip before and after; empty when nothing
	// was looked at.
	ours, merged string
}

// Pull brings in what the remote has, decides conflicts by sync/policy, and
// writes the files that changed. Edits that were not recorded stay in their
// files. With dry set it only says what there is.
func (e *Engine) Pull(ctx context.Context, remote Remote, dry bool) (out Pulled, err error) {
	err = e.meet(ctx, remote, func(l *remoteLock, m *gitremote.Mirror) (err error) {
		out, err = e.pull(ctx, l, m, dry)
		return err
	})
	return out, e.advise("pull from "+remote.Name, err)
}

// pull is Pull with the remote locked and its mirror open.
func (e *Engine) pull(ctx context.Context, l *remoteLock, m *gitremote.Mirror, dry bool) (out Pulled, err error) {
	out.Remote, out.DryRun, out.Notes = l.remote.Name, dry, l.told()
	l.last, l.refused = nil, nil
	arrived := e.step("fetch")
	fetched, err := m.Fetch(ctx)
	arrived()
	if err != nil {
		return out, err
	}
	found := meeting{head: fetched.Head, records: l.recordsHead(), at: e.opts.Now()}
	if fetched.Empty {
		return out, town.Fail("pull from "+l.remote.Name, "gt federation push publishes this Town's federation there",
			"%w: %w", town.ErrRefused, errNone)
	}
	st, err := e.stateOf(l.remote)
	if err != nil {
		return out, err
	}
	if st.Head == fetched.Head || e.opts.OnlyLedger {
		out.UpToDate = true
		return out, e.endPull(ctx, l, dry, found, &st, &out)
	}
	err = e.with(ctx, func(w *workspace) error { return e.merge(ctx, w, l, m, dry, &st, &out) })
	if err != nil {
		return out, err
	}
	if dry {
		l.refused = e.pullShare(ctx, l, dry, &st, &out)
		return out, nil
	}
	if len(out.Kept) == 0 {
		st.Head = fetched.Head
	}
	e.tidy(m)
	return out, e.endPull(ctx, l, dry, found, &st, &out)
}

// endPull takes the records that came along. What is wrong with them does not
// undo the rest of the pull.
func (e *Engine) endPull(ctx context.Context, l *remoteLock, dry bool, found meeting, st *state, out *Pulled) error {
	l.refused = e.pullShare(ctx, l, dry, st, out)
	err := e.verified(l.remote.Name, *st, found.at)
	if err == nil && l.refused == nil && !dry {
		l.last = &found
	}
	return err
}

// tidy drops what piled up in the mirror. It is housekeeping: the exchange it
// follows has succeeded, whatever becomes of it.
func (e *Engine) tidy(m *gitremote.Mirror) {
	if err := m.Tidy(); err != nil {
		e.opts.Log.WithError(err).Warn("tidy the mirror")
	}
}

// verified notes that the remote itself confirmed what st says, and when.
func (e *Engine) verified(remote string, st state, when time.Time) error {
	st.Verified = when.UTC()
	st.Error, st.Failed = "", time.Time{}
	return e.saveState(remote, st)
}

// merge brings the mirror's tip into the plane and the files.
func (e *Engine) merge(ctx context.Context, w *workspace, l *remoteLock, m *gitremote.Mirror, dry bool, st *state, out *Pulled) error {
	name := l.remote.Name
	taken := e.step("take")
	theirs, err := w.store.Fetch(ctx, name, m.Dir())
	taken()
	if err != nil {
		return err
	}
	var base, ours string
	err = w.store.View(ctx, func(tx *doltdb.Tx) error {
		if ours, err = tx.Head(ctx); err != nil {
			return err
		}
		if base, err = tx.MergeBase(ctx, ours, theirs); err != nil {
			return err
		}
		if base != "" && base != theirs {
			out.Commits, err = tx.Count(ctx, ours, theirs)
		}
		return err
	})
	if err != nil {
		return err
	}
	uuid, _ := e.opts.Stores.Federation()
	switch {
	case base == theirs:
		// Everything there is ours already, but a call may have ended between
		// the merge and what follows it.
		if st.Commit == theirs || dry {
			break
		}
		from, err := w.known(ctx, st.Commit)
		if err != nil {
			return err
		}
		if _, err := w.store.Mend(ctx, from, theirs); err != nil {
			return err
		}
	case base == "":
		if err := w.store.CheckIncoming(ctx, name, uuid, theirs, theirs); err != nil {
			return errors.Join(err, w.store.Forget(ctx, name))
		}
		return fmt.Errorf("%w", ErrUnrelated)
	default:
		checked := e.step("check")
		if err := w.store.CheckIncoming(ctx, name, uuid, base, theirs); err != nil {
			return errors.Join(err, w.store.Forget(ctx, name))
		}
		checked()
		if dry {
			return w.foresee(ctx, base, ours, theirs, out)
		}
		// Files and index first agree on our own tip, so that what the merge
		// changes is not taken for edits when the index was lost.
		if err := w.show(ctx); err != nil {
			return err
		}
		w.skipped = nil
		e.progress("merge", 0, int64(out.Commits), "commits")
		defer e.step("merge and show")()
		merged, err := w.store.Merge(ctx, base, ours, theirs, "merge "+name)
		if err != nil {
			return err
		}
		out.Notes = append(out.Notes, merged.Notes...)
		if _, err := w.store.Mend(ctx, base, theirs); err != nil {
			return err
		}
	}
	st.Commit = theirs
	if dry {
		return nil
	}
	out.ours = ours
	if out.merged, err = w.store.Head(ctx); err != nil {
		return err
	}
	return e.finish(ctx, w, out)
}

// maxForeseen is how many documents a dry run names.
const maxForeseen = 20

// foresee notes the documents that both sides changed. Edits that are not
// recorded are not among them: a pull leaves those alone.
func (w *workspace) foresee(ctx context.Context, base, ours, theirs string, out *Pulled) error {
	both, err := w.store.Both(ctx, base, ours, theirs)
	if err != nil {
		return err
	}
	for i, key := range both {
		if i == maxForeseen {
			out.Notes = append(out.Notes, fmt.Sprintf("and %d more", len(both)-i))
			break
		}
		out.Notes = append(out.Notes, key.String()+": changed here and there; the merge will decide by the rule for its kind")
	}
	return nil
}

// finish shows the merged rows as files and counts what awaits a person.
func (e *Engine) finish(ctx context.Context, w *workspace, out *Pulled) error {
	if err := w.show(ctx); err != nil {
		return err
	}
	out.Documents += w.written
	out.Kept, out.Rescued, out.Dropped = w.skipped, w.rescued, w.dropped
	reviews, err := e.tellReviews(ctx, w.store)
	out.Reviews = len(reviews)
	return err
}

// confirmed refuses a remote nobody agreed to exchange with, and notes where the
// other one is.
func (e *Engine) confirmed(l *remoteLock) error {
	r := l.remote
	st, err := e.loadState(r.Name)
	if err != nil {
		return err
	}
	if st.damaged {
		return town.Fail("sync with "+r.Name, "gt federation join "+r.URL+" --name "+r.Name+" confirms it again",
			"%w: %s is damaged, and with it the note that exchanging with %s was confirmed", town.ErrRefused, e.statePath(r.Name), r.URL)
	}
	if st.Confirmed != r.URL {
		return town.Fail("sync with "+r.Name,
			"preview and confirm it with: gt federation init URL (first Town) or gt federation join URL",
			"%w: nobody has confirmed that this Town's federation may be exchanged with %s", town.ErrRefused, r.URL)
	}
	l.address = st.Address
	return nil
}
