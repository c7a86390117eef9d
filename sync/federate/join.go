package federate

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"gastown/planes/federation"
	"gastown/town"
	"gastown/town/layout"
)

// Joined is the outcome of Join.
type Joined struct {
	Store string
	// Offered are documents of ours that now stand or are proposed for all.
	Offered []town.Key
	Notes   []string
	// Retired is where the Town's former federation plane is now; empty when the
	// remote was of the same federation.
	Retired string
	// Documents counts files written.
	Documents int
	Pushed    Pushed
	// Done: the Town is in the federation, whatever became of publishing there.
	Done bool
	FileReport
}

// Join makes the Town part of the federation a repository holds. The remote's
// store replaces the Town's own, which is retired; what people wrote in the Town
// is merged into it by the rules of conflicts. confirm sees first what of that
// would leave.
func (e *Engine) Join(ctx context.Context, remote Remote, confirm Confirm) (out Joined, err error) {
	s, err := e.lockRemote(ctx, remote)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, s.release()) }()
	out.Pushed.Remote = remote.Name
	op := "join the federation at " + remote.Name
	if err := s.firstContact(ctx); err != nil {
		return out, e.advise(op, remote, err)
	}
	if err := s.findSpace(ctx); err != nil {
		return out, e.advise(op, remote, err)
	}
	notes := s.takeNotes()
	defer func() { out.Notes = append(notes, out.Notes...) }()
	arrived := e.step("fetch")
	fetched, err := s.askPatiently(ctx)
	arrived()
	if found := s.elsewhere(op, fetched, err); found != nil {
		return out, found
	}
	if err != nil {
		return out, e.advise(op, remote, err)
	}
	if fetched.Empty {
		return out, town.Fail(op, "gt federation init "+remote.URL, "%w: the repository holds no federation yet", town.ErrRefused)
	}
	related, agreed, err := s.adopt(ctx, confirm, &out)
	if err == nil && !related {
		op = "publish the Town's entry at " + remote.Name
		err = s.push(ctx, pushOptions{agreed: agreed, asRecorded: true}, &out.Pushed)
		if err != nil && !errors.Is(err, errUnseen) {
			s.noteFailure(err, &s.state.Push)
		}
	}
	if err == nil && related || errors.Is(err, errUnseen) {
		out.Pushed.Attempts = 0
		err = s.rejoin(ctx, confirm, &out)
	}
	return out, e.advise(op, remote, s.withRefused(err))
}

// adopt replaces the Town's store by the mirror's, unless that is related: of
// the federation the Town is in already. agreed is the commit that the preview
// showed, for the push that follows.
func (s *session) adopt(ctx context.Context, confirm Confirm, out *Joined) (related bool, agreed string, err error) {
	opts := s.database()
	opts.Dir = filepath.Join(s.opts.Layout.Remote(s.remote.Name), "adopt", layout.Federation)
	defer func() {
		// What is left are the locks of the copy, and the directory if it is empty.
		_ = s.endCopy(s.remote.Name)
		_ = os.Remove(opts.Dir + ".lock")
		_ = os.Remove(opts.Dir + ".client.lock")
		_ = os.Remove(filepath.Dir(opts.Dir))
	}()
	// A join that was killed after the exchange left the Town's former store
	// here: it is retired like any other that was replaced.
	if err := s.beginCopy(s.remote.Name, opts.Dir); err != nil {
		return false, "", err
	}
	copied := s.step("copy")
	theirs, from, err := federation.Clone(ctx, opts, s.remote.Name, s.mirror.Dir(), s.opts.ID)
	copied()
	if err == nil {
		if err = s.signs(ctx, theirs); err != nil {
			err = errors.Join(err, theirs.Close())
		}
	}
	if err != nil {
		// A copy of a remote that was refused is not the Town's former store.
		if errors.Is(err, town.ErrRefused) && s.state.Confirmed == "" {
			err = &town.Error{Op: "join the federation at " + s.remote.Name, Err: err,
				Next: "nothing was changed here; ask a Town that is in it to run: gt federation repair"}
		}
		return false, "", errors.Join(err, os.RemoveAll(opts.Dir))
	}
	out.Store = from.UUID
	known, _ := s.opts.Stores.Federation()
	damaged := false
	if from.UUID == known {
		if damaged, err = s.damaged(ctx); err == nil && !damaged {
			related, err = s.related(ctx)
		}
		if err != nil || related {
			return related, "", errors.Join(err, theirs.Close(), os.RemoveAll(opts.Dir))
		}
		// A store of that UUID with a history of its own, made from a dump for
		// instance, is adopted like any other.
	}
	if agreed, err = s.takeOver(ctx, theirs, from, opts.Dir, damaged, confirm, out); err != nil {
		return false, "", err
	}
	out.Done = true
	return false, agreed, s.with(ctx, func(w *workspace) error {
		if err := w.show(ctx); err != nil {
			return err
		}
		out.Documents = w.written
		out.Kept, out.Rescued, out.Dropped = w.skipped, w.rescued, w.dropped
		_, err := w.postReviews(ctx)
		return err
	})
}

// related reports whether the mirror's history and the plane's have a commit in
// common.
func (s *session) related(ctx context.Context) (related bool, err error) {
	err = s.Read(ctx, func(plane *federation.Store) error {
		theirs, err := plane.Fetch(ctx, s.remote.Name, s.mirror.Dir())
		if err != nil {
			return err
		}
		c, err := plane.Compare(ctx, theirs)
		related = c.Base != ""
		return err
	})
	return related, err
}

// rejoin connects a Town with a remote of the federation it is in already.
func (s *session) rejoin(ctx context.Context, confirm Confirm, out *Joined) error {
	return s.agree(ctx, confirm, &out.Pushed, func(agreed string) error {
		got, err := s.pull(ctx, false)
		out.Notes, out.FileReport = append(out.Notes, got.Notes...), got.FileReport
		out.Documents += got.Documents
		if err != nil {
			return err
		}
		out.Done = true
		if agreed, err = got.agreedWith(agreed); err != nil {
			return err
		}
		return s.push(ctx, pushOptions{agreed: agreed}, &out.Pushed)
	})
}
