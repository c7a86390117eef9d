package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gastown/town"
	"gastown/town/durable"
)

// Directory is a Store in a directory of this machine, which may be a mounted disk or a
// link to a directory. A file is written under another name, flushed, and renamed.
type Directory struct {
	Dir string
	// Mount says that the directory must exist: a disk that is not mounted is not made
	// anew on the disk below it.
	Mount bool
}

// Encrypts implements Store.
func (d Directory) Encrypts() bool { return false }

// List implements Store.
func (d Directory) List(ctx context.Context) (map[string]int64, error) {
	all := map[string]int64{}
	root := d.Dir
	if there, err := filepath.EvalSymlinks(d.Dir); err == nil {
		root = there // WalkDir does not follow a link
	}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrNotExist) && (path != root || !d.Mount):
			return nil
		case err != nil:
			return err
		case path == root && !e.IsDir():
			return unix.ENOTDIR
		case !e.Type().IsRegular() || strings.HasPrefix(e.Name(), "."):
			return nil
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		key, err := filepath.Rel(root, path)
		all[filepath.ToSlash(key)] = info.Size()
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, town.Fail("look at the backups in "+d.Dir, "mount the disk that belongs there, or: mkdir -m 700 "+d.Dir, "there is no such directory")
	}
	if err != nil {
		return nil, town.Fail("look at the backups in "+d.Dir, "ls -ld "+d.Dir, "%w", err)
	}
	return all, nil
}

// Get implements Store.
func (d Directory) Get(ctx context.Context, keys []string, dir string) error {
	for _, key := range keys {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := copyTo(filepath.Join(d.Dir, filepath.FromSlash(key)), filepath.Join(dir, filepath.FromSlash(key))); err != nil {
			return err
		}
	}
	return nil
}

// create makes a private file that must not exist yet, and the directory it is in.
func create(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// copyTo copies a regular file to a new one; see create.
func copyTo(from, to string) (err error) {
	source, err := os.OpenFile(from, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if errors.Is(err, unix.ELOOP) {
		return fmt.Errorf("%w: %s is a link", ErrDamaged, from)
	}
	if err != nil {
		return err
	}
	defer source.Close()
	if info, err := source.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(err, fmt.Errorf("%w: %s is not a regular file", ErrDamaged, from))
	}
	target, err := create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

// Put implements Store.
func (d Directory) Put(ctx context.Context, dir string, keys []string) error {
	if _, err := os.Stat(d.Dir); d.Mount && err != nil {
		return town.Fail("write the backup to "+d.Dir, "mount the disk, or make the directory: mkdir -p "+d.Dir, "%w", err)
	}
	for _, key := range keys {
		if err := ctx.Err(); err != nil {
			return err
		}
		to := filepath.Join(d.Dir, filepath.FromSlash(key))
		if err := makeDirs(d.Dir, filepath.Dir(to)); err != nil {
			return err
		}
		if err := durable.Sweep(to); err != nil {
			return err
		}
		source, err := os.Open(filepath.Join(dir, filepath.FromSlash(key)))
		if err != nil {
			return err
		}
		err = durable.Write(to, 0o600, func(w io.Writer) error {
			_, err := io.Copy(w, source)
			return err
		})
		if err := errors.Join(err, source.Close()); err != nil {
			return fmt.Errorf("write %s: %w", to, err)
		}
	}
	return nil
}

// makeDirs makes a directory and those above it, so that they survive a loss of power.
func makeDirs(root, dir string) error {
	var missing []string
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(d); err == nil {
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		missing = append(missing, d)
		if d == root && !strings.HasPrefix(filepath.Dir(d), root) {
			if err := os.MkdirAll(filepath.Dir(d), 0o700); err != nil {
				return err
			}
			break
		}
	}
	slices.Reverse(missing)
	for _, d := range missing {
		if err := os.Mkdir(d, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := durable.SyncDir(filepath.Dir(d)); err != nil {
			return err
		}
	}
	return nil
}

// Remove implements Store.
func (d Directory) Remove(_ context.Context, keys []string) error {
	dirs := map[string]bool{}
	for _, key := range keys {
		path := filepath.Join(d.Dir, filepath.FromSlash(key))
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		dirs[filepath.Dir(path)] = true
	}
	for dir := range dirs {
		if strings.HasPrefix(filepath.ToSlash(dir), filepath.ToSlash(filepath.Join(d.Dir, proofsDir))) {
			_ = os.Remove(dir) // it stays while it is not empty
			continue
		}
		if err := durable.SyncDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Tidy removes what processes that were killed left of files they were writing, if it is
// older than a time.
func (d Directory) Tidy(_ context.Context, before time.Time) error {
	var errs []error
	for _, below := range []string{pointsDir, proofsDir, planesDir, filesDir} {
		err := filepath.WalkDir(filepath.Join(d.Dir, filepath.FromSlash(below)), func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), ".") {
				return nil //nolint:nilerr // what cannot be looked at stays
			}
			if info, err := e.Info(); err == nil && info.ModTime().Before(before) {
				errs = append(errs, os.Remove(path))
			}
			return nil
		})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
