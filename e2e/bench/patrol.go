package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"gastown/cmd/gt/benchmark/trial"
	"gastown/planes/operational"
	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/agent"
	"gastown/town/rig"
)

// The names of the figures of patrols, and the numbers of polecats.
const (
	patrolTook      = "gt witness patrol, %d polecats"
	patrolProcesses = "processes of a patrol, %d polecats"
)

var patrolSizes = []int{10, 30, 100}

// patrolFiles is how many files each sandbox has.
const patrolFiles = 200

// patrols measures gt witness patrol in a Town whose polecats are all quiet, so a patrol
// looks at each screen and each sandbox. No Deacon runs. A quick run has the fewest
// polecats only.
func patrols(ctx context.Context, o options) ([]deaconFigure, error) {
	return scratch(o, func(h *host) ([]deaconFigure, error) { return (&patrol{host: h}).sizes(ctx, o) })
}

func (p *patrol) sizes(ctx context.Context, o options) (figures []deaconFigure, err error) {
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.prepare(ctx, filepath.Join(p.dir, "town"), o); err != nil {
		return nil, err
	}
	for _, n := range o.patrols {
		if err := p.grow(ctx, n); err != nil {
			return figures, err
		}
		got, err := p.measure(ctx, n, o.runs)
		figures = append(figures, got...)
		if err != nil {
			return figures, err
		}
	}
	return figures, nil
}

// patrol is a Town with a rig and its polecats.
type patrol struct {
	*host
	rig      *rig.Rig
	tmux     agent.Tmux
	sessions []agent.Session
	count    trial.Counter
}

func (p *patrol) close() (err error) {
	for _, s := range p.sessions {
		err = errors.Join(err, s.End(context.Background()))
	}
	return err
}

func (p *patrol) prepare(ctx context.Context, root string, o options) (err error) {
	if err := p.install(ctx, root, "bench"); err != nil {
		return err
	}
	if err := p.settle(ctx, root); err != nil {
		return err
	}
	script := fmt.Sprintf(`git init -q -b main src; cd src; for i in $(seq %d); do mkdir -p d$((i %% 20)); echo "$i" >d$((i %% 20))/f$i; done
git add -A; git -c user.name=b -c user.email=b@example.com commit -qm first; cd ..; git clone -q --bare src web.git`, patrolFiles)
	if _, err := (program{path: "sh", timed: p.timed, env: p.env}).run(ctx, p.dir, "-ec", script); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"rig", "add", "web", filepath.Join(p.dir, "web.git")}, {"config", "witness.quiet", "1s"}, {"config", "witness.silent", "240h"}, {"config", "witness.progress", "2400h"},
	} {
		if _, err := p.command(ctx, args...); err != nil {
			return err
		}
	}
	y := &rig.Yard{Dir: p.at.Rigs(), File: p.at.RigsConfig(), Git: gitcmd.Options{Env: p.env}, Lock: p.at.Lock}
	if p.rig, err = y.Open("web"); err != nil {
		return err
	}
	if p.tmux, err = scratchTmux(p.at.Sessions(), o); err != nil {
		return err
	}
	p.tmux.Server.Socket = p.at.Tmux()
	p.count, err = trial.NewCounter(filepath.Join(p.dir, "counter"), "git", "tmux")
	return err
}

// grow makes polecats with their sandboxes and sessions until there are n.
func (p *patrol) grow(ctx context.Context, n int) (err error) {
	s, err := p.operational(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for i := len(p.sessions); i < n; i++ {
		who := town.PolecatAddress("web", fmt.Sprint("p", i))
		a, err := s.Assign(ctx, operational.Order{Bead: fmt.Sprint("web-", i), Agent: who, By: "bench"}, time.Now())
		if err != nil {
			return err
		}
		box, err := p.rig.Prepare(ctx, rig.Want{Name: who.Name, Branch: who.Branch(a.Bead), Fresh: time.Hour})
		if err != nil {
			return err
		}
		session, err := p.tmux.Start(ctx, agent.Start{Agent: who.String(), Run: int64(a.Run), Preset: "plain", Dir: box.Dir})
		if err != nil {
			return err
		}
		p.sessions = append(p.sessions, session)
		if err = s.Started(ctx, a.Ticket, who.String(), box.Dir, time.Now()); err == nil {
			err = s.Working(ctx, a.Ticket, "bench", time.Now())
		}
		if err != nil {
			return err
		}
	}
	time.Sleep(3 * time.Second) // until all are quiet
	return nil
}

func (p *patrol) measure(ctx context.Context, n, runs int) ([]deaconFigure, error) {
	counted := p.host.program.with(p.count.Path(os.Getenv("PATH")))
	args := []string{"--town", p.writer, "witness", "patrol"}
	if _, err := counted.run(ctx, p.dir, args...); err != nil {
		return nil, err
	}
	processes, err := p.count.Take()
	if err != nil {
		return nil, err
	}
	var took []sample
	for range runs {
		s, err := p.host.program.run(ctx, p.dir, args...)
		if err != nil {
			return nil, err
		}
		took = append(took, s)
	}
	return []deaconFigure{
		{Name: fmt.Sprintf(patrolTook, n), Unit: "ms", Value: milliseconds(took, whole)},
		{Name: fmt.Sprintf(patrolProcesses, n), Unit: "processes", Value: float64(processes)},
	}, nil
}
