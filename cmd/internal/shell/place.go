package shell

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"gastown/town"
	"gastown/town/layout"
	"gastown/town/lockfile"
)

// Abs resolves a path against an absolute working directory.
func Abs(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// FindTown is the named Town, otherwise the nearest one at or above dir.
func FindTown(dir, named string) (layout.Town, error) {
	if named == "" {
		return layout.Find(dir)
	}
	t := layout.Town{Root: Abs(dir, named)}
	if _, err := os.Stat(t.Config()); err != nil {
		if errors.Is(err, os.ErrPermission) {
			return t, layout.Unreadable(t.Root)
		}
		if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return t, err
		}
		return t, town.Fail("use the Town "+t.Root, "name another with --town DIR or GT_ROOT, or make it: gt install "+t.Root,
			"%w: there is no config/town.yaml in it", town.ErrUsage)
	}
	_ = t.Link() // what needs the link says that it is missing
	return t, t.Claim()
}

// AuthorText removes characters that the author of a commit cannot contain.
func AuthorText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '<' || r == '>' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return strings.TrimSpace(town.Clip(s, 120))
}

// LockOptions say how to wait for one of the Town's locks.
type LockOptions struct {
	// Command is shown to processes that wait for this one.
	Command string
	// Wait bounds the wait.
	Wait time.Duration
	// Waiting, if any, is called once with the reason of a wait that takes more than
	// a second, on another goroutine.
	Waiting func(what string)
}

// Lock takes one of the Town's locks; the kernel releases it when the process ends.
// If another process holds the lock for longer than the wait, the error is
// town.ErrBusy.
func Lock(ctx context.Context, t layout.Town, name string, o LockOptions) (unlock func() error, err error) {
	opts := lockfile.Options{Command: o.Command, Wait: o.Wait}
	if o.Waiting != nil {
		opts.Waiting = func(h lockfile.Holder) { o.Waiting("another gt changes the Town's " + name + ": " + h.String()) }
	}
	l, err := lockfile.Acquire(ctx, t.Lock(name), opts)
	var busy *lockfile.BusyError
	switch {
	case errors.As(err, &busy):
		return nil, town.Fail("use the Town "+t.Root, "wait for it to finish, then run the command again",
			"%w: another gt changes its %s: %s (waited %s)", town.ErrBusy, name, busy.Holder, o.Wait)
	case err != nil:
		return nil, err
	}
	return l.Release, nil
}
