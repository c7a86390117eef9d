package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"gastown/deacon"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/agent"
	"gastown/town/config"
	"gastown/town/lockfile"
	"gastown/town/machine"
	"gastown/town/polecat"
	"gastown/town/queue"
	"gastown/town/rig"
)

// Workers returns what assigns waiting beads and drives the workers, with the
// planes as this call opens them: only while their rows are read or written.
func (h *Host) Workers() (*polecat.Controller, queue.Dispatcher, error) {
	return h.WorkersWith(h.Rows, h.WithLedger)
}

// WorkersWith is Workers with planes that the caller opens.
func (h *Host) WorkersWith(rows operational.Access, beads ledger.Access) (*polecat.Controller, queue.Dispatcher, error) {
	bounds, err := Bounds(h.Config)
	if err != nil {
		return nil, queue.Dispatcher{}, err
	}
	rigs, err := h.Rigs().Load()
	if err != nil {
		return nil, queue.Dispatcher{}, err
	}
	sessions, err := h.sessions(rigs)
	if err != nil {
		return nil, queue.Dispatcher{}, err
	}
	budget, err := h.budget()
	if err != nil {
		return nil, queue.Dispatcher{}, err
	}
	names := []string{}
	for _, r := range rigs {
		names = append(names, r.Name)
	}
	patience, err := h.Thresholds()
	if err != nil {
		return nil, queue.Dispatcher{}, err
	}
	c := &polecat.Controller{
		Patience: polecat.Patience{Start: patience.Start, Silent: patience.Silent}, Recoveries: patience.Recoveries,
		Rows: func(ctx context.Context, fn func(polecat.Store) error) error {
			return rows(ctx, func(s *operational.Store) error { return fn(s) })
		},
		Beads: func(ctx context.Context, fn func(polecat.Ledger) error) error {
			return beads(ctx, func(s *ledger.Store) error { return fn(polecat.Beads{Store: s}) })
		},
		Sandboxes: polecat.InRigs{Yard: h.rigs(rows)}, Sessions: sessions, Lock: h.lockAgent, Now: h.call.Now,
		Parallel: number(h.Config, "sling.parallelism"), Actor: h.Actor.Name,
	}
	d := queue.Dispatcher{
		Rows: func(ctx context.Context, fn func(queue.Store) error) error {
			return rows(ctx, func(s *operational.Store) error { return fn(s) })
		},
		Bounds: bounds, Budget: budget, Rigs: names, Now: h.call.Now, Machine: func() machine.Readings { return machine.Read(h.Layout.Rigs()) },
	}
	return c, d, nil
}

// Bounds are the limits of work in a configuration.
func Bounds(cfg *config.Config) (b queue.Bounds, err error) {
	for name, to := range map[string]*int{
		"polecat.max_concurrent": &b.Working, "polecat.max_per_rig": &b.PerRig, "sling.max_concurrent": &b.Starting, "sling.queue_size": &b.Size,
	} {
		n, e := cfg.Int(name)
		*to, err = n, errors.Join(err, e)
	}
	check, e := cfg.Bool("machine.check")
	if err = errors.Join(err, e); err != nil || !check {
		return b, err
	}
	for name, to := range map[string]*int64{
		"machine.free_memory": &b.FreeMemory, "machine.session_memory": &b.SessionMemory, "machine.free_disk": &b.FreeDisk,
	} {
		n, e := cfg.Bytes(name)
		*to, err = n, errors.Join(err, e)
	}
	for name, to := range map[string]*int{"machine.max_load": &b.MaxLoad, "tmux.max_sessions": &b.Sessions} {
		n, e := cfg.Int(name)
		*to, err = n, errors.Join(err, e)
	}
	return b, err
}

func (h *Host) lockAgent(ctx context.Context, a town.Address) (func() error, error) {
	return h.lock(ctx, "agent-"+a.Rig+"-"+a.Name, "work on "+a.String())
}

// lock takes a lock of the Town. op says what for, to a person who waits for it.
func (h *Host) lock(ctx context.Context, name, op string) (unlock func() error, err error) {
	lock, err := lockfile.Acquire(ctx, h.Layout.Lock(name), lockfile.Options{
		Command: h.call.Name, Wait: h.call.Wait, Op: op, Waiting: func(o lockfile.Holder) { h.call.Progress().Wait(o.String()) },
	})
	if err != nil {
		return nil, err
	}
	return lock.Release, nil
}

// settle lets the ledger follow the assignments.
func settle(c *polecat.Controller) func(context.Context) error {
	return func(ctx context.Context) error {
		done, err := c.Settle(ctx)
		return errors.Join(done.Err(), err)
	}
}

// HasDeacon reports whether the Town has a Deacon that drives its workers.
func (h *Host) HasDeacon() bool {
	p, err := deacon.Look(h.Layout)
	return err == nil && p.Held && !p.Stopped
}

// sessions are those of the Town's agents.
func (h *Host) sessions(rigs []rig.Settings) (polecat.Sessions, error) {
	t, err := h.Sessions()
	if err != nil {
		return nil, err
	}
	own := h.ownPreset(&t.Presets)
	return polecat.InTmux{
		Tmux: t, Env: h.sessionEnv, Limits: h.SessionLimits,
		Hooks: func(ctx context.Context, sandbox, preset string) error {
			_, err := h.InstallHooks(ctx, sandbox, preset)
			return err
		},
		Preset: func(name string) string {
			for _, r := range rigs {
				if r.Name == name && r.Agent != "" {
					return r.Agent
				}
			}
			return own
		},
	}, nil
}

// defaultPreset is the agent program of a Town that chose none, townPreset the name of
// the preset that agent.command becomes when no preset knows its program.
const (
	defaultPreset = "claude"
	townPreset    = "town"
)

// ownPreset is the preset of the rigs that choose none: the one that agent.command
// names, with its further arguments, or one for the command that it is. No shell runs it.
func (h *Host) ownPreset(presets *agent.Presets) string {
	words := strings.Fields(text(h.Config, "agent.command"))
	if len(words) == 0 {
		return defaultPreset
	}
	all, name := presets.Own(townPreset, words)
	*presets = all
	return name
}

// CheckPreset refuses the name of an agent program that no preset has; "" is the Town's own.
func (h *Host) CheckPreset(name string) error {
	if name == "" {
		return nil
	}
	presets, err := h.Presets()
	if err != nil {
		return err
	}
	h.ownPreset(&presets)
	_, err = presets.Find(name)
	return err
}

// sessionEnv are the variables by which what runs in a session knows whose it is and
// finds the Town. The agent's own gt comes first in PATH.
func (h *Host) sessionEnv(s polecat.Start) []string {
	me := s.Ticket.Agent.String()
	path := h.call.Getenv("PATH")
	if self, err := h.call.Executable(); err == nil {
		path = filepath.Dir(self) + string(os.PathListSeparator) + path
	}
	return append(town.Identity(s.Ticket),
		"PATH="+path, "GT_ROOT="+h.Layout.Root, "GT_TOWN_ROOT="+h.Layout.Root, "GT_SESSION="+agent.SessionName(me), town.BranchVariable+"="+s.Branch,
		"GT_POLECAT_PATH="+s.Dir, "GT_AGENT="+s.Preset, "BD_ACTOR="+me, "GIT_AUTHOR_NAME="+me, "GIT_AUTHOR_EMAIL="+h.Actor.Email,
		"GIT_COMMITTER_NAME="+me, "GIT_COMMITTER_EMAIL="+h.Actor.Email)
}
