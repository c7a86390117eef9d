package trial

import (
	"context"
	_ "embed" // for Robot
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
)

// wait is how long a command may wait for another one in the Town.
const wait = 2 * time.Minute

// Robot is a script for sh: an agent that notes in a file beside the Town that it began,
// works until the file "go" is there, commits, and hands in. The directory "began" is
// beside the Town.
//
//go:embed robot.sh
var Robot string

// Town is one Town of a Place.
type Town struct {
	*Place
	Root   string
	At     layout.Town
	config *config.Config
	deacon bool
}

// Install makes a Town. Its Deacon listens on a free port, and neither a full disk nor a
// busy machine decides anything. settings are set last, so they may change that too.
func (p *Place) Install(ctx context.Context, name string, settings map[string]string) (*Town, error) {
	t := &Town{Place: p, Root: filepath.Join(p.Dir, name)}
	t.At = layout.Town{Root: t.Root}
	p.towns = append(p.towns, t)
	if _, err := p.Run(ctx, p.Dir, nil, p.GT, "install", t.Root, "--name", name); err != nil {
		return nil, err
	}
	cfg, err := config.Load(t.At.Config())
	if err != nil {
		return nil, err
	}
	all := map[string]string{"deacon.http_address": "127.0.0.1:0", "deacon.disk_warning": "100", "deacon.disk_critical": "100"}
	maps.Copy(all, settings)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if _, err := cfg.Set(name, all[name]); err != nil {
			return nil, err
		}
	}
	t.config = cfg
	return t, cfg.Save(t.At.Config())
}

// Int is the value of a setting; 0 of one that is no number.
func (t *Town) Int(name string) int {
	n, err := t.config.Int(name)
	if err != nil {
		return 0
	}
	return n
}

// GT and BD run a command in the Town.
func (t *Town) GT(ctx context.Context, args ...string) (Sample, error) {
	return t.As(ctx, nil, t.Place.GT, args...)
}

// BD runs bd in the Town.
func (t *Town) BD(ctx context.Context, args ...string) (Sample, error) {
	return t.As(ctx, nil, t.Place.BD, args...)
}

// As runs gt or bd in the Town with more in its environment.
func (t *Town) As(ctx context.Context, env []string, program string, args ...string) (Sample, error) {
	return t.Run(ctx, t.Root, env, program, append([]string{"--town", t.Root, "--wait", wait.String()}, args...)...)
}

// Start starts the Town's Deacon.
func (t *Town) Start(ctx context.Context) error {
	t.deacon = true
	_, err := t.GT(ctx, "deacon", "start")
	return err
}

// AddRig adds a rig whose polecats are Robots.
func (t *Town) AddRig(ctx context.Context, name string, files int) error {
	bare, err := t.Repository(ctx, name, files)
	if err != nil {
		return err
	}
	if _, err := t.GT(ctx, "rig", "add", name, bare); err != nil {
		return err
	}
	script := filepath.Join(t.Dir, "robot.sh")
	if err := os.WriteFile(script, []byte(Robot), 0o600); err != nil {
		return err
	}
	presets := fmt.Sprintf("agents:\n  - {name: robot, command: [sh, %s]}\n", strconv.Quote(script))
	if err := os.WriteFile(t.At.Agents(), []byte(presets), 0o600); err != nil {
		return err
	}
	if _, err := t.config.Set("agent.command", "robot"); err != nil {
		return err
	}
	return t.config.Save(t.At.Config())
}

// Database says how to open one of a Town's planes, through its Deacon when one runs.
func Database(at layout.Town, plane string) doltdb.Options {
	return doltdb.Options{
		Dir: at.Data(plane), Home: at.Engine(), Socket: at.SQLSocket(), Wait: time.Minute, Command: "bench",
		Actor: town.Actor{Name: "bench", Email: "bench@example.com"},
	}
}

// Operational gives a function the operational plane.
func (t *Town) Operational(ctx context.Context, do func(*operational.Store) error) (err error) {
	s, err := operational.Open(ctx, Database(t.At, layout.Operational), t.config.Stores[layout.Operational])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return do(s)
}

// Ledger gives a function the ledger.
func (t *Town) Ledger(ctx context.Context, do func(*ledger.Store) error) (err error) {
	l, err := ledger.Open(ctx, Database(t.At, layout.Ledger), t.config.Stores[layout.Ledger])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	return do(l)
}
