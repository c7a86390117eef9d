package shell

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"gastown/town"
	"gastown/town/layout"
)

// lockPoll is how often a waiting command looks whether a lock is free.
const lockPoll = 10 * time.Millisecond

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

// Actor is who changes are recorded under: as git has it, the environment,
// then the configuration, then the login name.
func Actor(getenv func(string) string, configured town.Actor) town.Actor {
	name, login := "gt", "gt"
	if u, err := user.Current(); err == nil {
		login = u.Username
		name = cmp.Or(u.Name, u.Username)
	}
	machine, err := os.Hostname()
	if err != nil {
		machine = "localhost"
	}
	return town.Actor{
		Name:  AuthorText(cmp.Or(getenv("GIT_AUTHOR_NAME"), configured.Name, name)),
		Email: AuthorText(cmp.Or(getenv("GIT_AUTHOR_EMAIL"), configured.Email, login+"@"+machine)),
	}
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

// Lock takes one of the Town's locks. The operating system drops it with the
// process. What others hold for longer than wait is a town.ErrBusy.
func Lock(ctx context.Context, t layout.Town, name string, wait time.Duration) (unlock func() error, err error) {
	path := t.Lock(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	l := flock.New(path, flock.SetPermissions(0o600))
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	switch _, err := l.TryLockContext(waiting, lockPoll); {
	case err == nil:
		return l.Unlock, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return nil, town.Fail("use the Town "+t.Root, "wait for it to finish, then run the command again",
			"%w: another gt changes its %s (waited %s)", town.ErrBusy, name, wait)
	default:
		return nil, err
	}
}
