package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"gastown/planes/operational"
	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/agent"
	caps "gastown/town/limits"
	polecats "gastown/town/polecat"
	"gastown/town/queue"
	"gastown/town/rig"
)

// The names of the figures of work.
const (
	workSpawn    = "spawn without pool"
	workPool     = "spawn with pool"
	workDispatch = "dispatcher pass, 100 waiting"
)

// spawns measures how a polecat comes to a sandbox on a branch and a session in it,
// without what its agent takes, beside git worktree add and tmux new-session.
func (h *host) spawns(ctx context.Context, o options) (_ []deaconFigure, err error) {
	dir, err := os.MkdirTemp("", "gtt")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	run := func(name string, args ...string) error {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir, cmd.Env = dir, h.env
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s %v: %w: %s", name, args, err, out)
		}
		return nil
	}
	for _, args := range [][]string{
		{"init", "-q", "-b", "main", "src"}, {"-C", "src", "-c", "user.name=b", "-c", "user.email=b@example.com", "commit", "-q", "--allow-empty", "-m", "first"},
		{"clone", "-q", "--bare", "src", "web.git"},
	} {
		if err := run("git", args...); err != nil {
			return nil, err
		}
	}
	y := &rig.Yard{
		Dir: filepath.Join(dir, "rigs"), File: filepath.Join(dir, "rigs.yaml"), Git: gitcmd.Options{Env: h.env},
		Lock: func(name string) string { return filepath.Join(dir, name+".lock") },
	}
	if _, err := y.Add(ctx, rig.Adding{Settings: rig.Settings{Name: "web", URL: filepath.Join(dir, "web.git")}}); err != nil {
		return nil, err
	}
	r, err := y.Open("web")
	if err != nil {
		return nil, err
	}
	t, err := scratchTmux(dir, o)
	if err != nil {
		return nil, err
	}
	var started []agent.Session
	defer func() {
		for _, s := range started {
			err = errors.Join(err, s.End(context.WithoutCancel(ctx)))
		}
	}()
	sessions := polecats.InTmux{
		Tmux: t, Preset: func(string) string { return "plain" }, Env: func(polecats.Start) []string { return nil },
		Limits: func(string) (caps.Limits, caps.Group, error) { return caps.Limits{}, caps.Group{}, nil },
	}
	spawn := func(name string, pool bool) error {
		who := town.PolecatAddress("web", name)
		of := polecats.Start{Ticket: town.Ticket{Agent: who, Bead: "web-1", Run: 1}, Branch: who.Branch("web-1")}
		if _, _, err := polecats.SpawnIn(ctx, polecats.InRigs{Yard: y}, sessions, of, pool); err != nil {
			return err
		}
		s, err := t.Find(who.String(), "plain")
		started = append(started, s)
		return err
	}
	plain := func(name string) error {
		tree := filepath.Join(dir, name)
		if err := run("git", "-C", filepath.Join(y.Dir, "web", "repo.git"), "worktree", "add", "-q", "-b", name, tree, "refs/remotes/origin/main"); err != nil {
			return err
		}
		if err := run("tmux", "-f", os.DevNull, "-S", t.Server.Socket, "new-session", "-d", "-s", name, "-c", tree, "sh"); err != nil {
			return err
		}
		s, err := t.Find(name, "plain")
		started = append(started, s)
		return err
	}
	took := map[string][]float64{}
	for i := range 5 * o.runs {
		if err := r.AddToPool(ctx); err != nil {
			return nil, err
		}
		for _, one := range []struct {
			name string
			do   func() error
		}{
			{workSpawn, func() error { return spawn(fmt.Sprint("a", i), false) }}, {workPool, func() error { return spawn(fmt.Sprint("b", i), true) }},
			{"plain", func() error { return plain(fmt.Sprint("plain", i)) }},
		} {
			begin := time.Now()
			if err := one.do(); err != nil {
				return nil, err
			}
			took[one.name] = append(took[one.name], float64(time.Since(begin).Microseconds())/1000)
		}
	}
	var figures []deaconFigure
	for _, name := range []string{workSpawn, workPool} {
		figures = append(figures, deaconFigure{Name: name, Unit: "ms", Value: median(took[name]), Other: median(took["plain"]), Beside: "worktree add, new-session"})
	}
	return figures, nil
}

// dispatches measures a pass of the dispatcher over a Town where 100 beads wait and
// every polecat that may work does. No Deacon runs.
func (h *host) dispatches(ctx context.Context, runs int) (_ []deaconFigure, err error) {
	s, err := h.operational(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var waiting []operational.Waiting
	for n := range 100 {
		waiting = append(waiting, operational.Waiting{Bead: fmt.Sprintf("gt-w%d", n), Rig: fmt.Sprintf("rig%d", n%4), Priority: n % 5, By: "bench"})
	}
	if _, err := s.Enqueue(ctx, waiting, 0, time.Now()); err != nil {
		return nil, err
	}
	d := queue.Dispatcher{
		Rows:   func(ctx context.Context, fn func(queue.Store) error) error { return fn(s) },
		Bounds: queue.Bounds{Limits: operational.Limits{Working: 1, PerRig: 1, Starting: 1}, Size: 100}, Now: time.Now,
	}
	var took []float64
	for run := range 1 + runs {
		begin := time.Now()
		if _, err := d.Pass(ctx); err != nil {
			return nil, err
		}
		if run > 0 { // the first run is a warm-up
			took = append(took, float64(time.Since(begin).Microseconds())/1000)
		}
	}
	return []deaconFigure{{Name: workDispatch, Unit: "ms", Value: median(took)}}, nil
}
