package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"gastown/cmd/gt/benchmark/trial"
	"gastown/deacon/control"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

const (
	writers = 4
	agents  = 100
	// writePause is the pause of each writer between two writes.
	writePause = 20 * time.Millisecond
	// beatPause is the time between two heartbeats of an agent.
	beatPause = time.Second
)

// load measures writes of beads on an idle Deacon and while the federation pushes
// one edit after the other, and then the Deacon's memory.
func (h *host) load(ctx context.Context, o options) ([]deaconFigure, error) {
	idle, err := h.resident(ctx)
	if err != nil {
		return nil, err
	}
	calm, err := h.writes(ctx, func(ctx context.Context) error {
		return pause(ctx, time.Duration(o.runs)*time.Second)
	})
	if err != nil {
		return nil, err
	}
	pushes := 0
	busy, err := h.writes(ctx, func(ctx context.Context) error {
		for until := time.Now().Add(time.Duration(2*o.runs) * time.Second); time.Now().Before(until); pushes++ {
			if err := h.edit(ctx); err != nil {
				return err
			}
			runs, err := h.client.Sync(ctx, "", true)
			if err != nil {
				return err
			}
			for _, r := range runs {
				if r.Outcome != "ok" {
					return fmt.Errorf("%s: %s: %s", r.Job, r.Outcome, r.Error)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	loaded, err := h.resident(ctx)
	beside := fmt.Sprintf("during %d pushes", pushes)
	return []deaconFigure{
		{Name: deaconWrite, Unit: "ms", Value: median(calm), Other: median(busy), Beside: beside},
		{Name: deaconStall, Unit: "ms", Value: longest(calm), Other: longest(busy), Beside: beside},
		{Name: deaconMemory, Unit: "MB", Value: idle, Other: loaded, Beside: "under that load"},
	}, err
}

// writes runs writers and agents while do runs, and returns how long each write
// took, in milliseconds.
func (h *host) writes(ctx context.Context, do func(context.Context) error) ([]float64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	var mu sync.Mutex
	var took []float64
	var failed []error
	work := func(fn func() error) {
		all.Go(func() {
			if err := fn(); err != nil && ctx.Err() == nil {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, err)
			}
		})
	}
	for w := range writers {
		work(func() (err error) {
			s, err := ledger.Open(ctx, trial.Database(h.at, layout.Ledger), h.config.Stores[layout.Ledger])
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			for n := 0; ctx.Err() == nil; n++ {
				began := time.Now()
				bead := ledger.NewBead{Bead: town.Bead{Title: fmt.Sprintf("writer %d, bead %d", w, n)}}
				if _, err := s.Create(ctx, []ledger.NewBead{bead}); err != nil {
					return err
				}
				mu.Lock()
				took = append(took, float64(time.Since(began).Microseconds())/1000)
				mu.Unlock()
				_ = pause(ctx, writePause)
			}
			return nil
		})
	}
	work(func() error {
		for ctx.Err() == nil {
			for a := range agents {
				if err := h.client.Heartbeat(ctx, control.Heartbeat{Agent: fmt.Sprintf("rig/polecats/p%d", a), State: "working"}); err != nil {
					return err
				}
			}
			_ = pause(ctx, beatPause)
		}
		return nil
	})
	err := do(ctx)
	cancel()
	all.Wait()
	if err = errors.Join(append(failed, err)...); err == nil && len(took) == 0 {
		err = errors.New("nothing was written")
	}
	return took, err
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
