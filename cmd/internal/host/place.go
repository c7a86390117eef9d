package host

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"gastown/cmd/internal/shell"
	"gastown/deacon"
	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/durable"
	"gastown/town/layout"
	"gastown/town/lockfile"
)

// Exposed reports whether git clean can remove the Town's private directory, because
// it lies in the work tree of a repository.
func Exposed(t layout.Town) bool {
	info, err := os.Lstat(t.Private())
	_, inRepository := t.GitPlace()
	return err == nil && info.IsDir() && inRepository
}

// Shelter moves the Town's private directory to where git clean does not find it, and
// leaves a link in its place. It does nothing when that was done. It fails with
// town.ErrBusy while a process uses the Town. The caller holds the lock "install". A
// process that is killed in between leaves the directory in its new place without
// the link, which the next command makes.
func Shelter(t layout.Town, command string) (did bool, err error) {
	if !Exposed(t) {
		return false, nil
	}
	op := "move " + t.Private() + " to where git clean does not find it"
	place, _ := t.GitPlace()
	if _, err := os.Lstat(place); err == nil {
		return false, town.Fail(op, "compare the two, and move one of them elsewhere",
			"%w: %s exists, too, and may hold another state of the Town", town.ErrRefused, place)
	}
	if p, err := deacon.Look(t); err != nil || p.Held {
		return false, errors.Join(err, town.Fail(op, "gt deacon stop, then run this again, then gt deacon start",
			"%w: %s has it open", town.ErrBusy, p))
	}
	release, err := seize(t, op, command)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := os.MkdirAll(filepath.Dir(place), 0o700); err != nil {
		return false, err
	}
	if err := durable.Rename(t.Private(), place); err != nil {
		return false, town.Fail(op, "leave it; nothing was changed", "%w", err)
	}
	if err := errors.Join(t.Link(), t.Claim()); err != nil {
		return false, err
	}
	return true, durable.SyncDir(t.Root)
}

// seize takes every lock in the Town's private directory but that of gt install,
// which the caller has, so that no process works in the directory.
func seize(t layout.Town, op, command string) (release func() error, err error) {
	var held []*lockfile.Lock
	release = func() (err error) {
		for _, l := range held {
			err = errors.Join(err, l.Release())
		}
		return err
	}
	for _, dir := range []string{filepath.Dir(t.Data(layout.Ledger)), filepath.Dir(t.Lock("x"))} {
		paths, err := filepath.Glob(filepath.Join(dir, "*.lock"))
		if err != nil {
			return nil, errors.Join(err, release())
		}
		for _, path := range paths {
			if path == t.Lock("install") {
				continue
			}
			l, err := lockfile.Try(path, command)
			if err != nil {
				return nil, errors.Join(err, release())
			}
			if l == nil {
				return nil, errors.Join(town.Fail(op, "wait for it to finish, then run this again",
					"%w: %s is held by %s", town.ErrBusy, path, lockfile.Read(path)), release())
			}
			held = append(held, l)
		}
	}
	return release, nil
}

// PrepareShelter makes the place for the private directory of a Town with a Git
// repository of its own that has no such directory yet, and the link to it.
func PrepareShelter(t layout.Town) error {
	if _, err := os.Lstat(t.Private()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, ok := t.GitPlace(); !ok && !inRepository(t.Root) {
		// git init completes a directory that has no repository yet.
		if err := os.MkdirAll(filepath.Join(t.Root, ".git"), 0o755); err != nil {
			return err
		}
	}
	place, ok := t.GitPlace()
	if !ok {
		return nil
	}
	if err := os.MkdirAll(filepath.Join(place, "data"), 0o700); err != nil {
		return err
	}
	if err := os.Chmod(place, 0o700); err != nil {
		return err
	}
	return errors.Join(t.Link(), t.Claim())
}

// inRepository reports whether a directory, or one above it, has a repository.
func inRepository(dir string) bool {
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return true
		}
		if dir == filepath.Dir(dir) {
			return false
		}
	}
}

// FirstCommit is the command that commits what people edit in a Town whose directory a
// Git repository is to track; "" when git tracks it. Until then git clean -xdf removes it.
func FirstCommit(ctx context.Context, t layout.Town, call *shell.Call) (command string, err error) {
	commit := "git add . && git commit -m 'Town'"
	p, err := gitcmd.Locate(ctx, t.Root, Git(call))
	if errors.Is(err, gitcmd.ErrNotFound) {
		return "cd " + t.Root + " && git init && " + commit, nil
	}
	if err != nil || p.Top == "" {
		return "", ctx.Err() // without git, nothing removes anything
	}
	known, err := p.Indexed(ctx, t.Config())
	if err != nil || known {
		return "", err
	}
	return "cd " + t.Root + " && " + commit, nil
}
