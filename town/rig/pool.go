package rig

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gastown/sync/gitcmd"
	"gastown/town/durable"
)

// The directory pool/ holds trees that are ready, and directories whose names begin as
// follows. Those belong to an operation under way, which holds a lock on them; what is
// in them was never given to anyone, or has been saved.
const (
	makingPrefix   = "making-"
	removingPrefix = "removing-"
)

// PoolTree is a working tree that is ready to become a sandbox.
type PoolTree struct {
	Dir  string `json:"dir"`
	Head string `json:"head"`
	// Fresh: it is at the newest base that is known.
	Fresh bool `json:"fresh"`
}

// PoolTrees lists the pool. A tree that is damaged has no Head.
func (r *Rig) PoolTrees(ctx context.Context) ([]PoolTree, error) {
	names, err := r.poolNames()
	if err != nil || len(names) == 0 {
		return nil, err
	}
	base, err := r.Base(ctx, "")
	if err != nil {
		return nil, err
	}
	var trees []PoolTree
	for _, name := range names {
		t := PoolTree{Dir: r.path("pool", name)}
		if w, err := r.repo.Linked(t.Dir); err == nil {
			if t.Head, _, err = w.Head(ctx); err != nil {
				return nil, err
			}
		}
		t.Fresh = t.Head == base
		trees = append(trees, t)
	}
	return trees, nil
}

func (r *Rig) poolNames() ([]string, error) {
	entries, err := os.ReadDir(r.path("pool"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), makingPrefix) && !strings.HasPrefix(e.Name(), removingPrefix) {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// take moves a tree of the pool to a sandbox's place, if there is one; best one at a
// base. Of several processes one gets a tree, because a rename happens once.
func (r *Rig) take(ctx context.Context, top, base string) (w gitcmd.Worktree, ok bool, err error) {
	names, err := r.poolNames()
	if err != nil {
		return w, false, err
	}
	var other []gitcmd.Worktree
	for _, name := range names {
		w, err := r.repo.Linked(r.path("pool", name))
		if err != nil {
			continue // taken meanwhile, or damaged: the pool's upkeep sees to that
		}
		head, _, err := w.Head(ctx)
		if err != nil {
			continue
		}
		if head != base {
			other = append(other, w)
			continue
		}
		if moved, err := w.Move(top); err == nil {
			return moved, true, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return moved, false, err
		}
	}
	for _, w := range other {
		if moved, err := w.Move(top); err == nil {
			return moved, true, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return moved, false, err
		}
	}
	return w, false, nil
}

// AddToPool makes one more tree ready, at the newest base that is known.
func (r *Rig) AddToPool(ctx context.Context) error {
	base, err := r.Base(ctx, "")
	if err != nil {
		return err
	}
	return r.making(ctx, func(dir string) error {
		w, err := r.repo.AddWorktree(ctx, filepath.Join(dir, "tree"), "", base)
		if err == nil {
			_, err = w.Move(r.path("pool", "tree-"+strings.TrimPrefix(filepath.Base(dir), makingPrefix)))
		}
		return err
	})
}

// RenewInPool brings a tree of the pool to the newest base that is known. It is out of
// the pool meanwhile. A tree that was taken is none of its business.
func (r *Rig) RenewInPool(ctx context.Context, t PoolTree) error {
	base, err := r.Base(ctx, "")
	if err != nil {
		return err
	}
	return r.making(ctx, func(dir string) error {
		w, err := r.fromPool(t, filepath.Join(dir, "tree"))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, gitcmd.ErrNotOurs) {
			return nil
		}
		if err == nil {
			err = w.Reset(ctx, "", base)
		}
		if err == nil {
			_, err = w.Move(t.Dir)
		}
		return err
	})
}

// DropFromPool removes a tree of the pool.
func (r *Rig) DropFromPool(ctx context.Context, t PoolTree) error {
	return r.making(ctx, func(dir string) error {
		if filepath.Dir(t.Dir) != r.path("pool") {
			return gitcmd.ErrNotOurs
		}
		_, err := r.fromPool(t, filepath.Join(dir, "tree"))
		if errors.Is(err, gitcmd.ErrNotOurs) { // damaged
			err = durable.RenameNew(t.Dir, filepath.Join(dir, "tree"))
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

func (r *Rig) fromPool(t PoolTree, to string) (gitcmd.Worktree, error) {
	w, err := r.repo.Linked(t.Dir)
	if err != nil {
		return w, err
	}
	return w.Move(to)
}
