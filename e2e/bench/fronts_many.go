package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	defaultAtOnce = 100
	defaultInRow  = 1000
)

// The names of the figures of many commands.
const (
	frontCrowd      = "many bd show at once, until the last has ended"
	frontCrowdPeak  = "the Deacon's most memory meanwhile"
	frontRow        = "bd show in a row, each"
	frontRowMemory  = "the Deacon's memory after them"
	frontRowHandles = "the Deacon's descriptors after them"
)

// shown runs one bd show and checks that it prints the right bead.
func (f *beadBench) shown(ctx context.Context, n int) error {
	id := f.clerk.some(n, 1)[0]
	cmd := exec.CommandContext(ctx, f.bd.path, "show", "--json", id)
	cmd.Dir, cmd.Env = f.writer, f.env
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("bd show %s: %w", id, err)
	}
	if !strings.Contains(string(out), `"`+id+`"`) {
		return fmt.Errorf("bd show %s: printed %s", id, tail(string(out)))
	}
	return nil
}

// crowd runs many bd show at once.
func (f *beadBench) crowd(ctx context.Context, o options) ([]deaconFigure, error) {
	var took []float64
	if err := f.forgetPeak(ctx); err != nil {
		return nil, err
	}
	for round := range o.runs {
		_ = pause(ctx, time.Second) // lets rate.burst_size commands begin at once again
		var all errgroup.Group
		began := time.Now()
		for n := range o.atOnce {
			all.Go(func() error { return f.shown(ctx, round*o.atOnce+n) })
		}
		if err := all.Wait(); err != nil {
			return nil, err
		}
		took = append(took, since(began))
	}
	most, err := f.peak(ctx)
	return []deaconFigure{
		{Name: frontCrowd, Unit: "ms", Value: median(took), Other: float64(o.atOnce), Beside: "processes"},
		{Name: frontCrowdPeak, Unit: "MB", Value: most},
	}, err
}

// row runs many bd show one after the other, twice, and compares the Deacon's
// memory and descriptors after each.
func (f *beadBench) row(ctx context.Context, o options) ([]deaconFigure, error) {
	var memory, handles [2]float64
	var took float64
	for round := range memory {
		began := time.Now()
		for n := range o.inRow {
			if err := f.shown(ctx, n); err != nil {
				return nil, err
			}
		}
		took = since(began) / float64(o.inRow)
		var err error
		if memory[round], err = f.resident(ctx); err != nil {
			return nil, err
		}
		if handles[round], err = f.handles(ctx); err != nil {
			return nil, err
		}
	}
	before := fmt.Sprintf("after %d others", o.inRow)
	return []deaconFigure{
		{Name: frontRow, Unit: "ms", Value: took, Other: float64(o.inRow), Beside: "processes"},
		{Name: frontRowMemory, Unit: "MB", Value: memory[1], Other: memory[0], Beside: before},
		{Name: frontRowHandles, Value: handles[1], Other: handles[0], Beside: before},
	}, nil
}

// handles is the number of descriptors the Deacon has open.
func (h *host) handles(ctx context.Context) (float64, error) {
	path, err := h.proc(ctx, "fd")
	if err != nil {
		return 0, err
	}
	list, err := os.ReadDir(path)
	return float64(len(list)), err
}
