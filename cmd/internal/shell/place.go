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

// Abs resolves a path against a working directory, which is absolute.
func Abs(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// FindTown is the Town that was named, else the nearest one at or above dir.
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

// AuthorText drops what an author in a commit cannot have.
func AuthorText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '<' || r == '>' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return strings.TrimSpace(town.Clip(s, 120))
}

// Lock takes one of the Town's locks; the kernel drops it with the process. Who
// waits for it is told the command. A lock that another process holds for longer
// than wait is a town.ErrBusy.
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
