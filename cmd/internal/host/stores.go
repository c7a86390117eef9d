package host

import (
	"context"
	"errors"
	"os"
	"strings"

	"gastown/town/config"
	"gastown/town/durable"
	"gastown/town/layout"
)

// stores records for the engine which store is the Town's federation plane. The
// configuration holds the current store. While a join is under way, a file holds
// the store it replaces. That file is written first and removed last, so it is
// never missing too early; the engine recognises one that stayed too long.
type stores struct {
	host *Host
	last string
}

// Federation reads the configuration each time, because another process may have
// joined meanwhile.
func (s *stores) Federation() (uuid, previous string) {
	if cfg, err := config.Load(s.host.Layout.Config()); err == nil {
		s.last = cfg.Stores[layout.Federation]
	}
	if data, err := os.ReadFile(s.host.Layout.Joining()); err == nil {
		previous = strings.TrimSpace(string(data))
	}
	return s.last, previous
}

// SetFederation stores both.
func (s *stores) SetFederation(uuid, previous string) error {
	path := s.host.Layout.Joining()
	if previous != "" {
		if err := durable.WritePrivate(path, []byte(previous+"\n")); err != nil {
			return err
		}
	}
	err := s.host.Change(context.Background(), func(c *config.Config) error {
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
