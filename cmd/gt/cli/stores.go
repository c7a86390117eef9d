package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"

	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
)

// lockPoll is how often a waiting command looks whether a lock is free.
const lockPoll = 10 * time.Millisecond

// stores remembers the federation plane's store in the configuration, and the
// store a join replaces in a file of its own that is there only meanwhile. The
// file is written first and removed last, so it is never missing too early;
// one that is there too long is noticed by the engine, which then looks.
type stores struct {
	host *host
	last string
}

// Federation reads anew each time: another process may have joined meanwhile.
func (s *stores) Federation() (uuid, previous string) {
	if cfg, err := config.Load(s.host.layout.Config()); err == nil {
		s.last = cfg.Stores[layout.Federation]
	}
	if data, err := os.ReadFile(s.host.layout.Joining()); err == nil {
		previous = strings.TrimSpace(string(data))
	}
	return s.last, previous
}

// SetFederation stores both.
func (s *stores) SetFederation(uuid, previous string) error {
	path := s.host.layout.Joining()
	if previous != "" {
		if err := writeDurably(path, previous+"\n"); err != nil {
			return err
		}
	}
	err := s.host.change(context.Background(), func(c *config.Config) error {
		c.Stores[layout.Federation] = uuid
		return nil
	})
	if err != nil || previous != "" {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// lock takes one of the Town's locks. The operating system drops it with us.
func (a *App) lock(ctx context.Context, t layout.Town, name string) (unlock func() error, err error) {
	path := t.Lock(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	l := flock.New(path, flock.SetPermissions(0o600))
	wait, cancel := context.WithTimeout(ctx, a.wait)
	defer cancel()
	switch _, err := l.TryLockContext(wait, lockPoll); {
	case err == nil:
		return l.Unlock, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return nil, town.Fail("use the Town "+t.Root, "wait for it to finish, then run the command again",
			"%w: another gt changes its %s (waited %s)", town.ErrBusy, name, a.wait)
	default:
		return nil, err
	}
}

// writeDurably puts a small private file in place, whole or not at all.
func writeDurably(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := renameio.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// isNotDir reports a path that goes through something that is no directory.
func isNotDir(err error) bool { return errors.Is(err, syscall.ENOTDIR) }

// authorText drops what an author in a commit cannot have.
func authorText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '<' || r == '>' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return strings.TrimSpace(town.Clip(s, 120))
}
