package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"gastown/cmd/gt/benchmark/trial"
)

// sides of a comparison.
const (
	ours = iota
	theirs
)

// scenario measures both sides with one number of rows.
type scenario struct {
	peers [2]peer
	count trial.Counter
	dir   string
	rows  int
	runs  int
	kind  string

	samples map[string]*[2][]sample
	figures []figure
	made    []*remote
}

// measure takes every figure of a run. After an error it returns the figures it
// has.
func measure(ctx context.Context, o options, progress io.Writer) (figures []figure, err error) {
	dir := o.dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "gt-bench-"); err != nil {
			return nil, err
		}
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if o.keep {
		fmt.Fprintln(progress, "everything is left in", dir)
	} else if o.dir == "" {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	grown := map[string][]figure{}
	for _, rows := range o.rows {
		for _, kind := range o.remotes {
			begin := time.Now()
			part := filepath.Join(dir, strconv.Itoa(rows)+"-"+kind)
			got, err := one(ctx, o, part, rows, kind)
			figures = append(figures, got...)
			if err != nil {
				return figures, fmt.Errorf("%d rows, %s: %w", rows, kind, err)
			}
			for _, f := range got {
				if f.Name == stepSync {
					grown[kind] = append(grown[kind], f)
				}
			}
			if !o.keep {
				if err := os.RemoveAll(part); err != nil {
					return figures, err
				}
			}
			fmt.Fprintf(progress, "%d rows, %s: measured in %s\n", rows, kind, time.Since(begin).Round(time.Second))
		}
	}
	for _, kind := range o.remotes {
		if g := grown[kind]; len(g) > 1 {
			low, high := g[0], g[len(g)-1]
			figures = append(figures, judge(figure{Rows: high.Rows, Remote: kind, Name: stepGrowth,
				Unit: "times " + strconv.Itoa(low.Rows) + " rows", Ours: high.Ours / low.Ours}))
		}
	}
	if o.pushes > 0 {
		got, err := sizes(ctx, o, filepath.Join(dir, "sizes"))
		figures = append(figures, got...)
		if err != nil {
			return figures, fmt.Errorf("sizes: %w", err)
		}
	}
	return figures, nil
}

// newPeers makes both sides in dir.
func newPeers(ctx context.Context, o options, dir string) (p [2]peer, err error) {
	if p[ours], err = newGT(o, filepath.Join(dir, "gt")); err != nil {
		return p, err
	}
	p[theirs], err = newStock(ctx, o, filepath.Join(dir, "stock"))
	return p, err
}

// one measures one number of rows over one kind of remote.
func one(ctx context.Context, o options, dir string, rows int, kind string) (_ []figure, err error) {
	s := &scenario{dir: dir, rows: rows, runs: o.runs, kind: kind, samples: map[string]*[2][]sample{}}
	defer func() {
		for _, r := range s.made {
			err = errors.Join(err, r.close())
		}
	}()
	if s.peers, err = newPeers(ctx, o, dir); err != nil {
		return nil, err
	}
	if s.count, err = trial.NewCounter(filepath.Join(dir, "counter"), "git"); err != nil {
		return nil, err
	}
	var recorded [2][]sample
	for side, p := range s.peers {
		got, err := p.prepare(ctx, rows)
		if err != nil {
			return nil, err
		}
		recorded[side] = []sample{got}
	}
	s.add(stepRecord, "ms", milliseconds(recorded[ours], whole), milliseconds(recorded[theirs], whole))
	s.add(stepRecord+", processor time", "ms", milliseconds(recorded[ours], processor), milliseconds(recorded[theirs], processor))
	for _, part := range []func(context.Context) error{s.starts, s.firsts, s.reader, s.exchange, s.served, s.processes, s.joins} {
		if err := part(ctx); err != nil {
			return s.figures, err
		}
	}
	s.memory()
	return s.figures, nil
}

// each runs one step once on each side and adds the samples.
func (s *scenario) each(step string, run func(side int) (sample, error)) error {
	both := s.samples[step]
	if both == nil {
		both = &[2][]sample{}
		s.samples[step] = both
	}
	for side := range s.peers {
		got, err := run(side)
		if err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
		both[side] = append(both[side], got)
	}
	return nil
}

// wall adds the figure for the wall time of a step.
func (s *scenario) wall(step string) {
	both := s.samples[step]
	s.add(step, "ms", milliseconds(both[ours], whole), milliseconds(both[theirs], whole))
}

func (s *scenario) add(name, unit string, ours, stock float64) {
	s.figures = append(s.figures, judge(figure{Rows: s.rows, Remote: s.kind, Name: name, Unit: unit, Ours: ours, Stock: stock}))
}

func whole(s sample) time.Duration     { return s.wall }
func processor(s sample) time.Duration { return s.work }

// milliseconds is the median of a duration over the samples.
func milliseconds(samples []sample, of func(sample) time.Duration) float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = float64(of(s).Microseconds()) / 1000
	}
	return median(values)
}

// memory adds the largest memory of any step.
func (s *scenario) memory() {
	var most [2]float64
	for step, both := range s.samples {
		var here [2]float64
		for side := range both {
			for _, sample := range both[side] {
				here[side] = max(here[side], sample.memory)
			}
			most[side] = max(most[side], here[side])
		}
		s.add("memory of "+step, "MB", here[ours], here[theirs])
	}
	s.add(stepMemory, "MB", most[ours], most[theirs])
}
