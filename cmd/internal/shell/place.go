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
		if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return t, err
		}
		return t, town.Fail("use the Town "+t.Root, "name another with --town DIR or GT_ROOT, or make it: gt install "+t.Root,
			"%w: there is no config/town.yaml in it", town.ErrUsage)
	}
	return t, nil
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

// Lock takes one of the Town's locks; the kernel releases it when the process ends.
// Processes that wait for it are shown the command. If another process holds the
// lock for longer than wait, the error is town.ErrBusy.
func Lock(ctx context.Context, t layout.Town, name, command string, wait time.Duration) (unlock func() error, err error) {
	l, err := lockfile.Acquire(ctx, t.Lock(name), lockfile.Options{Command: command, Wait: wait})
	var busy *lockfile.BusyError
	switch {
	case errors.As(err, &busy):
		return nil, town.Fail("use the Town "+t.Root, "wait for it to finish, then run the command again",
			"%w: another gt changes its %s: %s (waited %s)", town.ErrBusy, name, busy.Holder, wait)
	case err != nil:
		return nil, err
	}
	return l.Release, nil
}
