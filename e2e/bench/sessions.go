package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"gastown/tmux"
	"gastown/town/agent"
	caps "gastown/town/limits"
)

// sessionStart is the start of an agent's session, without what the agent itself takes.
const sessionStart = "start of a session"

// scratchTmux is a tmux of its own for sessions whose files are in a directory.
func scratchTmux(dir string, o options) (agent.Tmux, error) {
	presets, err := agent.Parse(nil)
	if err != nil {
		return agent.Tmux{}, err
	}
	program, err := filepath.Abs(o.gt)
	return agent.Tmux{
		Server: tmux.Server{Socket: filepath.Join(dir, "tmux.sock"), Env: os.Environ()}, Dir: dir, Launcher: []string{program},
		Presets: presets, Base: os.Environ(), Limits: &caps.Limiter{Dir: dir, Town: "bench"}, Grace: time.Millisecond,
	}, err
}

// sessions measures the start of sessions beside tmux new-session, in turns on one
// server.
func (h *host) sessions(ctx context.Context, o options) (_ []deaconFigure, err error) {
	dir, err := os.MkdirTemp("", "gtt")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
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
	var ours, plain []float64
	for i := range 20 * o.runs {
		begin := time.Now()
		s, err := t.Start(ctx, agent.Start{Agent: fmt.Sprint("bench/polecats/p", i), Preset: "plain", Dir: dir})
		if err != nil {
			return nil, err
		}
		started = append(started, s)
		ours = append(ours, float64(time.Since(begin).Microseconds())/1000)
		begin = time.Now()
		name := fmt.Sprint("plain", i)
		if out, err := exec.CommandContext(ctx, "tmux", "-f", "/dev/null", "-S", t.Server.Socket, "new-session", "-d", "-s", name, "-c", dir, "sh").CombinedOutput(); err != nil {
			return nil, fmt.Errorf("tmux new-session: %w: %s", err, out)
		}
		plain = append(plain, float64(time.Since(begin).Microseconds())/1000)
		other, err := t.Find(name, "plain")
		if err != nil {
			return nil, err
		}
		started = append(started, other)
	}
	return []deaconFigure{{Name: sessionStart, Unit: "ms", Value: median(ours), Other: median(plain), Beside: "tmux new-session"}}, nil
}
