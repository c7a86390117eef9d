package federate

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"gastown/planes/doltdb"
	"gastown/planes/federation"
	"gastown/sync/gitremote"
	"gastown/town"
	"gastown/town/durable"
	"gastown/town/layout"
)

// Joined is the outcome of Join.
type Joined struct {
	Store string
	// Offered are documents of ours that now stand or are proposed for all.
	Offered []town.Key
	Notes   []string
	// Retired is where the Town's former federation plane is kept; empty when
	// the remote was of the same federation.
	Retired string
	// Documents counts files written.
	Documents int
	Pushed    Pushed
	// Done: the Town is in the federation, whatever became of publishing there.
	Done bool
	FileReport
}

// Join makes the Town part of the federation a repository holds. The remote's
// store replaces the Town's own, which is kept; what people wrote in the Town
// is merged into it by the rules of conflicts. confirm sees first what of that
// would leave.
func (e *Engine) Join(ctx context.Context, remote Remote, confirm Confirm) (out Joined, err error) {
	l, err := e.lockRemote(ctx, remote)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, l.release()) }()
	out.Pushed.Remote = remote.Name
	op := "join the federation at " + remote.Name
	m, err := e.firstContact(ctx, l)
	if err != nil {
		return out, e.advise(op, err)
	}
	told := l.told()
	defer func() { out.Notes = append(told, out.Notes...) }()
	arrived := e.step("fetch")
	fetched, err := m.Fetch(ctx)
	arrived()
	if err != nil {
		return out, e.advise(op, err)
	}
	if fetched.Empty {
		return out, town.Fail(op, "gt federation init "+remote.URL, "%w: the repository holds no federation yet", town.ErrRefused)
	}
	related, err := e.adopt(ctx, l, m, confirm, &out)
	if err == nil && !related {
		op = "publish the Town's entry at " + remote.Name
		out.Pushed.asRecorded = true
		err = e.push(ctx, l, m, gitremote.PublishOptions{}, &out.Pushed)
		out.Pushed.asRecorded = false
		if err != nil && !errors.Is(err, errUnseen) {
			e.noteFailure(remote.Name, err)
		}
	}
	if err == nil && related || errors.Is(err, errUnseen) {
		out.Pushed.Attempts = 0
		err = e.rejoin(ctx, l, m, confirm, &out)
	}
	out.Pushed.agreed = ""
	return out, e.advise(op, l.ended(err))
}

// adopt replaces the Town's store by the mirror's, unless that is related: of
// the federation the Town is in already.
func (e *Engine) adopt(ctx context.Context, l *remoteLock, m *gitremote.Mirror, confirm Confirm, out *Joined) (related bool, err error) {
	opts := e.database()
	opts.Dir = filepath.Join(e.opts.Layout.Remote(l.remote.Name), "adopt", layout.Federation)
	defer func() {
		// What is left is the locks of the copy, and the directory if it is empty.
		_ = e.endCopy(l.remote.Name)
		_ = os.Remove(opts.Dir + ".lock")
		_ = os.Remove(opts.Dir + ".client.lock")
		_ = os.Remove(filepath.Dir(opts.Dir))
	}()
	// A join that was killed after the exchange left the Town's former store
	// here: it is kept like any other that was replaced.
	if err := e.beginCopy(l.remote.Name, opts.Dir); err != nil {
		return false, err
	}
	e.progress("copy", 0, 0, "")
	copied := e.step("copy")
	theirs, uuid, err := federation.Clone(ctx, opts, l.remote.Name, m.Dir(), e.opts.ID)
	copied()
	if err != nil {
		// What a remote sent and was refused is nobody's former store.
		return false, errors.Join(err, os.RemoveAll(opts.Dir))
	}
	out.Store = uuid
	known, _ := e.opts.Stores.Federation()
	if uuid == known {
		related, err = e.related(ctx, l, m)
		if err != nil || related {
			return related, errors.Join(err, theirs.Close(), os.RemoveAll(opts.Dir))
		}
		// A store of that name with a history of its own, made from a dump for
		// instance, is adopted like any other.
	}
	if out.Retired, err = e.takeOver(ctx, l, theirs, opts.Dir, confirm, out); err != nil {
		return false, err
	}
	out.Done = true
	return false, e.with(ctx, func(w *workspace) error {
		if err := w.show(ctx); err != nil {
			return err
		}
		out.Documents = w.written
		out.Kept, out.Rescued, out.Dropped = w.skipped, w.rescued, w.dropped
		_, err := e.tellReviews(ctx, w.store)
		return err
	})
}

// noteHeld notes a commit the remote is known to hold.
func (e *Engine) noteHeld(remote, commit string) error {
	st, err := e.loadState(remote)
	if err != nil {
		return err
	}
	st.Commit = commit
	return e.saveState(remote, st)
}

// related reports whether the mirror's history and the plane's have a commit in
// common.
func (e *Engine) related(ctx context.Context, l *remoteLock, m *gitremote.Mirror) (related bool, err error) {
	err = e.Read(ctx, func(s *federation.Store) error {
		theirs, err := s.Fetch(ctx, l.remote.Name, m.Dir())
		if err != nil {
			return err
		}
		return s.View(ctx, func(tx *doltdb.Tx) error {
			base, err := tx.MergeBase(ctx, "HEAD", theirs)
			related = base != ""
			return err
		})
	})
	return related, err
}

// rejoin connects a Town with a remote of the federation it is in already.
func (e *Engine) rejoin(ctx context.Context, l *remoteLock, m *gitremote.Mirror, confirm Confirm, out *Joined) error {
	return e.agree(ctx, l, confirm, &out.Pushed, func() error {
		pulled, err := e.pull(ctx, l, m, false)
		out.Notes, out.FileReport = append(out.Notes, pulled.Notes...), pulled.FileReport
		out.Documents += pulled.Documents
		if err != nil {
			return err
		}
		out.Done = true
		if err := out.Pushed.agreeTo(pulled); err != nil {
			return err
		}
		return e.push(ctx, l, m, gitremote.PublishOptions{}, &out.Pushed)
	})
}

// retire keeps the directory of a database of that name, which nobody has open,
// under a name of its own; "" if there is none.
func (e *Engine) retire(dir, name string) (kept string, err error) {
	if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err := os.MkdirAll(e.opts.Layout.Retired(), 0o700); err != nil {
		return "", err
	}
	kept = filepath.Join(e.opts.Layout.Retired(), name+"-"+e.opts.Now().UTC().Format("20060102T150405.000000000"))
	if err := os.Rename(dir, kept); err != nil {
		return "", err
	}
	return kept, errors.Join(durable.SyncDir(filepath.Dir(kept)), durable.SyncDir(filepath.Dir(dir)))
}
