package cli

import (
	"context"
	"errors"
	"os"
	"strings"

	"gastown/cmd/internal/shell"
	"gastown/town/config"
	"gastown/town/durable"
	"gastown/town/layout"
)

// stores remembers the federation plane's store in the configuration, and the
// store a join replaces in a file of its own that is there only meanwhile. The
// file is written first and removed last, so it is never missing too early;
// one that is there too long is noticed by the engine, which then looks.
type stores struct {
	host *workplace
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
		if err := durable.WritePrivate(path, []byte(previous+"\n")); err != nil {
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
	return shell.Lock(ctx, t, name, a.running, a.Wait)
}
