package rig

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"gastown/town"
	"gastown/town/durable"
)

// HeldError says that a sandbox holds work of its own. It is a town.ErrRefused.
type HeldError struct {
	Sandbox Sandbox
	What    Unsaved
}

func (e *HeldError) Error() string {
	return town.ErrRefused.Error() + ": " + e.Sandbox.Dir + " holds " + e.What.String()
}

func (e *HeldError) Unwrap() error { return town.ErrRefused }

// Remove removes a sandbox. It is refused, with a HeldError, while the sandbox holds
// anything that neither the remote nor a rescue ref there has. One that is not there is
// removed already; commits that only the clone remembers of it are rescued.
func (r *Rig) Remove(ctx context.Context, s Sandbox) error {
	op := "remove the sandbox " + s.Address()
	lock, err := r.lock(ctx, string(s.Kind)+"-"+s.Name)
	if err != nil {
		return err
	}
	defer lock.Release() //nolint:errcheck // it ends with the process
	w, err := r.tree(s.Kind, s.Name)
	if errors.Is(err, fs.ErrNotExist) {
		if s.Kind == Polecats {
			_, err = r.adoptOrphans(ctx, s.Name, r.path(string(s.Kind), s.Name))
			return err
		}
		return nil
	}
	if err != nil {
		return err
	}
	if reason, locked := w.Locked(); locked {
		return town.Fail(op, "git worktree unlock "+w.Top, "%w: somebody locked the working tree: %s", town.ErrRefused, reason)
	}
	f, err := r.look(ctx, w, r.scope(s.Kind, s.Name))
	if err != nil {
		return err
	}
	if !f.unsaved.Empty() {
		_, refs, err := f.rescued(ctx)
		if err == nil && len(refs) > 0 {
			err = r.seen(ctx, w.Shared(), refs...)
		}
		if err != nil && !errors.Is(err, errNotThere) {
			return town.Fail(op, r.stays(), "%w", err)
		}
		if len(refs) == 0 || err != nil {
			s.Dir = w.Top
			return &town.Error{Op: op, Next: "commit and push it there, or let gt save it: --force", Err: &HeldError{s, f.unsaved}}
		}
	}
	return r.apart(ctx, removingPrefix, func(dir string) error { return durable.RenameNew(w.Top, filepath.Join(dir, "tree")) })
}
