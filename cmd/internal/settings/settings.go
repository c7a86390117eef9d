// Package settings shows and changes a Town's settings, for gt config and bd
// config.
package settings

import (
	"context"
	"errors"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town/config"
	"gastown/town/layout"
)

// Setting is one setting as it is printed.
type Setting struct {
	Key     string `json:"key"`
	Value   string `json:"value"`
	Source  string `json:"source"`
	Default string `json:"default"`
	Type    string `json:"type"`
	Unit    string `json:"unit,omitempty"`
	Env     string `json:"env,omitempty"`
	Help    string `json:"help"`
	// Restart says that a change takes effect after gt deacon restart.
	Restart bool `json:"restart"`
}

// BeadPrefix is the setting for the prefix of ids of beads outside of rigs.
const BeadPrefix = "bd.prefix"

// Get returns a setting as it is in force.
func Get(c *config.Config, name string) (Setting, error) {
	if name == actorKey {
		return actor(c), nil
	}
	key, err := config.Lookup(name)
	if err != nil {
		return Setting{}, err
	}
	value, source, err := c.Get(name)
	return Setting{
		Key: key.Name, Value: value, Source: string(source), Default: key.Default, Type: string(key.Type),
		Unit: key.Unit, Env: key.Env, Help: key.Help, Restart: key.Restart,
	}, err
}

// List returns every setting as it is in force.
func List(c *config.Config) ([]Setting, error) {
	all := []Setting{actor(c)}
	for _, k := range config.Keys() {
		s, err := Get(c, k.Name)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// Set gives a setting a value.
func Set(c *config.Config, name, value string) error {
	if name == actorKey {
		return setActor(c, value)
	}
	_, err := c.Set(name, value)
	return err
}

// Change runs fn with the Town's configuration locked and freshly read, saves the
// changes fn made, and returns the configuration. Processes that wait for the lock
// are shown the command.
func Change(ctx context.Context, c *shell.Call, t layout.Town, fn func(*config.Config) error) (_ *config.Config, err error) {
	unlock, err := c.Lock(ctx, t, "config")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	cfg, err := config.Load(t.Config())
	if err != nil {
		return nil, err
	}
	if err := fn(cfg); err != nil {
		return nil, err
	}
	return cfg, cfg.Save(t.Config())
}

// Say prints the result of a change.
func (s Setting) Say(p *term.Printer) {
	switch config.Source(s.Source) {
	case config.SourceEnv:
		p.Line("%s is stored; now %s in the environment says %s", s.Key, s.Env, s.Value)
	case config.SourceDefault:
		if s.Value == "" {
			p.Line("%s is the default", s.Key)
			break
		}
		p.Line("%s is %s, the default", s.Key, s.Value)
	default:
		p.Line("%s is %s", s.Key, s.Value)
	}
	if s.Restart {
		p.Line("  it takes effect after gt deacon restart, if a Deacon runs")
	}
}

// SayAll prints settings as a table.
func SayAll(p *term.Printer, all []Setting) {
	var rows [][]string
	for _, s := range all {
		help := s.Help
		if s.Restart {
			help += " (after gt deacon restart)"
		}
		rows = append(rows, []string{s.Key, s.Value, s.Source, help})
	}
	p.Table([]string{"KEY", "VALUE", "SOURCE", ""}, rows)
}

// Names lists all settings, for completion.
func Names() []string {
	all := []string{actorKey}
	for _, k := range config.Keys() {
		all = append(all, k.Name)
	}
	return all
}
