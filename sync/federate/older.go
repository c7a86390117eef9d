package federate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gastown/planes/doltdb"
	"gastown/town"
)

// A plane may be older than what this Town noted beside it: somebody restored a copy
// of the databases, or a crash cut their journal short. What was exchanged since
// then is at the remote, and usually in the mirror. It is merged again before files
// are recorded, so that a file with a text that the plane has lost does not count as
// a new edit.

// holds reports whether the plane contains what was exchanged with the remote. The
// plane is opened only if its files have changed since that was last seen.
func (s *session) holds(ctx context.Context) (held bool, err error) {
	if s.state.Commit == "" {
		return false, nil
	}
	if s.unwritten(s.state) {
		return true, nil
	}
	err = s.with(ctx, func(w *workspace) error {
		held, err = w.holds(ctx, s.state)
		return err
	})
	if err == nil && held {
		s.state.Plane = s.planeSign()
	}
	return held, err
}

// planeSign is the sign of the plane's files; "" where there are none on this
// machine.
func (e *Engine) planeSign() string {
	sign, _, ok := doltdb.Sign(e.database())
	if !ok {
		return ""
	}
	return sign
}

// unwritten reports that the plane's files are those that a state noted when the plane
// held the state's commit.
func (e *Engine) unwritten(st state) bool {
	sign := e.planeSign()
	return sign != "" && sign == st.Plane
}

// holds reports whether the open plane contains the commit that a state notes. A
// state without one notes nothing. It costs no query where the plane is as noted.
func (w *workspace) holds(ctx context.Context, st state) (bool, error) {
	if st.Commit == "" || w.engine.unwritten(st) {
		return true, nil
	}
	known, err := w.store.Known(ctx, st.Commit)
	return known != "", err
}

// olderThan lists the remotes with which something was exchanged that the plane
// lacks.
func (w *workspace) olderThan(ctx context.Context) (remotes []Remote, err error) {
	all, err := w.engine.agreements()
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		held, err := w.holds(ctx, a.state)
		if err != nil {
			return nil, err
		}
		if !held {
			remotes = append(remotes, a.remote)
		}
	}
	return remotes, nil
}

// errOlder: the plane lacks what was exchanged with these remotes.
type errOlder struct{ remotes []Remote }

func (e errOlder) Error() string {
	return "the federation plane is older than what was exchanged with " + e.remotes[0].Name
}

// catchUp merges into an older plane what the mirrors of the remotes hold. It
// contacts nobody. A remote whose mirror does not help is left for the next pull.
func (e *Engine) catchUp(ctx context.Context, remotes []Remote) (notes []string, err error) {
	for _, r := range remotes {
		some, err := e.catchUpWith(ctx, r)
		notes = append(notes, some...)
		if err != nil {
			if ctx.Err() != nil {
				return notes, err
			}
			e.opts.Log.WithError(err).WithField("remote", r.Name).Warn("bring back what the plane lacks")
		}
	}
	return notes, nil
}

func (e *Engine) catchUpWith(ctx context.Context, r Remote) (notes []string, err error) {
	s, err := e.lockRemote(ctx, r)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.release()) }()
	if err := s.confirmed(); err != nil {
		return nil, err
	}
	if err := s.openMirror(ctx); err != nil {
		return nil, err
	}
	err = s.with(ctx, func(w *workspace) error {
		return undisturbed(func() error { return s.catchUp(ctx, w) })
	})
	return s.takeNotes(), errors.Join(err, s.save())
}

// catchUp merges into an older plane what the remote's mirror holds.
func (s *session) catchUp(ctx context.Context, w *workspace) error {
	held, err := w.holds(ctx, s.state)
	if err != nil || held || s.mirror.Head() == "" {
		return err
	}
	if !s.mirror.AtHead() {
		if err := s.mirror.Reset(ctx); err != nil {
			return err
		}
	}
	var out pulled
	if err := s.merge(ctx, w, false, &out); err != nil {
		return err
	}
	s.state.Head = s.mirror.Head()
	if len(out.Kept) > 0 {
		s.state.Head = ""
	}
	w.skipped = nil
	s.notes = append(s.notes, out.Notes...)
	return nil
}

// broughtBack tells people that the plane was older.
func broughtBack(remote string, commits int) string {
	return fmt.Sprintf("the federation plane was older than what was exchanged with %s; %d commit(s) were brought back", remote, commits)
}

// Older names the remotes with which something was exchanged that the plane, or the
// exchange of records, lacks. It contacts nobody.
func (e *Engine) Older(ctx context.Context) (names []string, err error) {
	err = e.with(ctx, func(w *workspace) error {
		remotes, err := w.olderThan(ctx)
		for _, r := range remotes {
			names = append(names, r.Name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	all, err := e.agreements()
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		older, err := e.sharing().Older(ctx, a.remote, a.state.Shared)
		if err != nil {
			return nil, err
		}
		if older && !slices.Contains(names, a.remote.Name) {
			names = append(names, a.remote.Name)
		}
	}
	return names, nil
}

// BringBack merges into an older plane, and an older exchange of records, what the
// mirror of a remote holds. It contacts nobody. It fails with ErrRefused when the mirror
// does not hold it either.
func (e *Engine) BringBack(ctx context.Context, r Remote) error {
	if _, err := e.catchUpWith(ctx, r); err != nil {
		return err
	}
	if err := e.bringBackRecords(ctx, r); err != nil {
		return err
	}
	left, err := e.Older(ctx)
	if err != nil {
		return err
	}
	if slices.Contains(left, r.Name) {
		return town.Fail("bring back what was exchanged with "+r.Name, "gt federation pull --remote "+r.Name,
			"%w: the mirror of the remote does not hold it", town.ErrRefused)
	}
	return nil
}

func (e *Engine) bringBackRecords(ctx context.Context, r Remote) (err error) {
	if e.opts.Ledger == nil {
		return nil
	}
	s, err := e.lockRemote(ctx, r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.release()) }()
	if err := errors.Join(s.confirmed(), s.openMirror(ctx)); err != nil || s.records == nil {
		return err
	}
	_, err = s.records.CatchUp(ctx)
	return errors.Join(err, s.save())
}
