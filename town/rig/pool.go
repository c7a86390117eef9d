package rig

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gastown/sync/gitcmd"
	"gastown/town/durable"
	"gastown/town/lockfile"
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

// making runs a function with a directory for what is not complete, and removes that
// directory afterwards with every working tree that is still in it.
func (r *Rig) making(ctx context.Context, work func(dir string) error) error {
	return r.apart(ctx, makingPrefix, work)
}

func (r *Rig) apart(ctx context.Context, prefix string, work func(dir string) error) (err error) {
	if err := os.MkdirAll(r.path("pool"), 0o700); err != nil {
		return err
	}
	var dir string
	var lock *lockfile.Lock
	for lock == nil {
		if dir, err = os.MkdirTemp(r.path("pool"), prefix); err != nil {
			return err
		}
		if lock, err = lockfile.AcquireDir(ctx, dir, lockfile.Options{}); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if _, err := os.Lstat(dir); err != nil && lock != nil { // Sweep was faster
			err = lock.Release()
			lock = nil
			if err != nil {
				return err
			}
		}
	}
	defer func() {
		err = errors.Join(err, r.clear(dir), lock.Release())
	}()
	return work(dir)
}

// clear removes a directory of what is not complete, and makes the clone forget the
// tree in it.
func (r *Rig) clear(dir string) error {
	admins, err := r.linked()
	if err != nil {
		return err
	}
	tree := filepath.Join(dir, "tree")
	for _, a := range admins {
		if names(tree, a.dir) || a.top == tree && r.owner(a) == "" {
			if err := os.RemoveAll(a.dir); err != nil {
				return err
			}
		}
	}
	return os.RemoveAll(dir)
}

// names reports whether a working tree names a git directory as its own.
func names(tree, gitDir string) bool {
	text, err := os.ReadFile(filepath.Join(tree, ".git"))
	return err == nil && strings.TrimSuffix(string(text), "\n") == "gitdir: "+gitDir
}

// owner finds the sandbox or tree of the pool that names a git directory as its own: a
// process that was killed, or a person, renamed it. "" for none.
func (r *Rig) owner(a admin) string {
	for _, in := range []string{string(Polecats), "pool", "lost"} {
		entries, err := os.ReadDir(r.path(in))
		if err != nil {
			continue
		}
		for _, e := range entries {
			if top := r.path(in, e.Name()); e.IsDir() && names(top, a.dir) {
				return top
			}
		}
	}
	return ""
}

// Sweep removes what killed processes left: trees that were not complete or were being
// removed, and locks of git's.
func (r *Rig) Sweep(ctx context.Context) error {
	entries, err := os.ReadDir(r.path("pool"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var errs []error
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), makingPrefix) && !strings.HasPrefix(e.Name(), removingPrefix) {
			continue
		}
		dir := r.path("pool", e.Name())
		lock, err := lockfile.AcquireDir(ctx, dir, lockfile.Options{})
		if err != nil {
			continue // somebody works on it, or it is gone
		}
		errs = append(errs, r.clear(dir), lock.Release())
	}
	return errors.Join(append(errs, r.forgetPooled(ctx), r.repo.ClearLocks(r.yard.now()))...)
}

// abandoned is how old git's files about a tree that has no place must be before they
// count as left by a process that was killed. Git writes the place within moments.
const abandoned = time.Minute

// forgetPooled makes the clone forget trees of the pool that are gone. Nobody ever
// worked in those. It also forgets trees that were half made or half removed when a
// process was killed; commits that only those hold are rescued first.
func (r *Rig) forgetPooled(ctx context.Context) error {
	admins, err := r.linked()
	if err != nil {
		return err
	}
	for _, a := range admins {
		at := a.top
		if at == "" {
			if err := r.forgetPlaceless(ctx, a); err != nil {
				return err
			}
			continue
		}
		if strings.HasPrefix(filepath.Base(filepath.Dir(at)), makingPrefix) {
			at = filepath.Dir(at) // an operation that is under way may make the tree just now
		}
		if filepath.Dir(at) != r.path("pool") {
			continue
		}
		if _, err := os.Lstat(at); errors.Is(err, fs.ErrNotExist) && r.owner(a) == "" {
			if err := os.RemoveAll(a.dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetPlaceless forgets a tree without a place, once nobody can be at work on it.
func (r *Rig) forgetPlaceless(ctx context.Context, a admin) error {
	info, err := os.Lstat(a.dir)
	if err != nil || r.yard.now().Sub(info.ModTime()) < abandoned || r.owner(a) != "" {
		return nil
	}
	_, err = r.forget(ctx, filepath.Base(a.dir), a)
	return err
}
