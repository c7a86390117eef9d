package rig

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gastown/town/lockfile"
)

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
		err = errors.Join(err, lock.Release())
	}()
	if err = work(dir); err == nil && os.Remove(dir) == nil {
		return nil // the tree was moved to its place, and nothing is left here
	}
	return errors.Join(err, r.clear(dir))
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
