package rig

import (
	"context"
	"errors"
	"io/fs"

	"gastown/sync/gitcmd"
)

// Usable reports whether a sandbox is a working tree of this rig: fs.ErrNotExist when it
// is gone, gitcmd.ErrNotOurs when something else stands there. It starts no process.
func (r *Rig) Usable(kind Kind, name string) error {
	_, err := r.tree(kind, name)
	return err
}

// Abandon gives up a polecat's sandbox that is not Usable. A directory that stands in its
// place is moved to rigs/NAME/lost, whole. Commits that only the clone remembers of the
// sandbox are rescued. kept says where all of that is; it is empty when there was nothing.
// A sandbox that is usable stays as it is.
func (r *Rig) Abandon(ctx context.Context, name string) (kept []string, err error) {
	lock, err := r.lock(ctx, string(Polecats)+"-"+name)
	if err != nil {
		return nil, err
	}
	defer lock.Release() //nolint:errcheck // it ends with the process
	top := r.path(string(Polecats), name)
	switch err := r.Usable(Polecats, name); {
	case err == nil:
		return nil, nil
	case errors.Is(err, gitcmd.ErrNotOurs):
		to, err := r.setAside(ctx, name, top)
		if err != nil {
			return nil, err
		}
		kept = append(kept, to)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	ref, err := r.adoptOrphans(ctx, name, top)
	if ref != "" {
		kept = append(kept, ref)
	}
	return kept, err
}
