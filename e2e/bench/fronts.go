package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// The names of the figures of commands that a front hands to the Deacon.
const (
	frontVersion = "gt --version"
	frontShow    = "bd show"
	frontShows   = "bd show of ten"
	frontList    = "bd list --limit=100"
	frontReady   = "bd ready"
	frontCreate  = "bd create"
	frontUpdate  = "bd update"
	frontFeed    = "gt feed"
	frontMemory  = "memory of bd show"
	frontAdded   = "added by a front without a Deacon"
)

// frontRuns is how often each of these commands runs for each -n. They take
// milliseconds, which other load on the machine easily doubles.
const frontRuns = 4

// fronts measures whole commands that run in the Deacon of a Town with beads: one
// at a time, many at once, and many in a row. It also measures what a front adds
// without a Deacon.
func fronts(ctx context.Context, o options) ([]deaconFigure, error) {
	return scratch(o, func(h *host) ([]deaconFigure, error) {
		f := &beadBench{host: h, runs: frontRuns * o.runs, dir: h.dir, export: filepath.Join(h.dir, "all.jsonl")}
		return f.fronts(ctx, o)
	})
}

func (f *beadBench) fronts(ctx context.Context, o options) (figures []deaconFigure, err error) {
	f.bd = program{path: filepath.Join(filepath.Dir(f.path), "bd"), timed: f.timed, env: f.env}
	open, err := writeBeads(f.export, 0, o.served)
	if err != nil {
		return nil, err
	}
	f.clerk = clerk{dir: f.dir, beads: o.served, open: open, done: map[string]int{}}
	if err := f.town(ctx); err != nil {
		return nil, err
	}
	if _, err := f.bd.run(ctx, f.writer, "import", f.export); err != nil {
		return nil, err
	}
	if figures, err = f.alike(ctx); err != nil {
		return figures, err
	}
	check, err := permission()
	if err != nil {
		return figures, err
	}
	figures = append(figures, check)
	verified, err := signatures(o)
	if figures = append(figures, verified...); err != nil {
		return figures, err
	}
	return figures, f.attended(ctx, func() error {
		for _, part := range []func(context.Context, options) ([]deaconFigure, error){f.handed, f.crowd, f.row} {
			got, err := part(ctx, o)
			figures = append(figures, got...)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// handed measures the commands in turns, so that load on the machine affects all
// alike. Lists are measured twice: when the Deacon has the answer cached, and right
// after a write, when it has not.
func (f *beadBench) handed(ctx context.Context, _ options) ([]deaconFigure, error) {
	type line struct {
		name  string
		p     program
		task  string
		words []string
	}
	lines := []line{
		{name: frontVersion, p: f.program, words: strings.Fields("--version")},
		{name: frontShow, p: f.bd, task: taskShow},
		{name: frontShows, p: f.bd, task: taskShows},
		{name: frontFeed, p: f.program, words: strings.Fields("feed --limit 50")},
		{name: frontUpdate, p: f.bd, task: taskUpdate},
		{name: frontList + after, p: f.bd, task: taskList},
		{name: frontList, p: f.bd, task: taskList},
		{name: frontCreate, p: f.bd, task: taskCreate},
		{name: frontReady + after, p: f.bd, task: taskReady},
		{name: frontReady, p: f.bd, task: taskReady},
	}
	nothing := program{path: "/bin/true", timed: f.timed}
	var floor []sample
	samples := map[string][]sample{}
	for run := range 1 + f.runs {
		s, err := nothing.run(ctx, f.dir)
		if err != nil {
			return nil, err
		}
		if run > 0 { // the first run is a warm-up
			floor = append(floor, s)
		}
		for _, l := range lines {
			if l.task != "" {
				s, err = once(ctx, f.bd, f.writer, &f.clerk, taskNamed(l.task))
			} else {
				s, err = l.p.run(ctx, f.writer, l.words...)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", l.name, err)
			}
			if run > 0 {
				samples[l.name] = append(samples[l.name], s)
			}
		}
	}
	least := milliseconds(floor, whole)
	var figures []deaconFigure
	for _, l := range lines {
		if strings.HasSuffix(l.name, after) {
			continue
		}
		d := deaconFigure{Name: l.name, Unit: "ms", Value: milliseconds(samples[l.name], whole), Other: least, Beside: "a process that does nothing"}
		if others := samples[l.name+after]; others != nil {
			d.Other, d.Beside = milliseconds(others, whole), "right after a write"
		}
		figures = append(figures, d)
	}
	most := 0.0
	for _, s := range samples[frontShow] {
		most = max(most, s.memory)
	}
	return append(figures, deaconFigure{Name: frontMemory, Unit: "MB", Value: most}), nil
}

// after marks a figure that is taken right after a write.
const after = ", after a write"

// taskNamed returns a task by its name.
func taskNamed(name string) task {
	for _, t := range tasks {
		if t.name == name {
			return t
		}
	}
	panic("no task is named " + name)
}

// alike compares a front that becomes the engine with the engine started directly.
// No Deacon runs.
func (f *beadBench) alike(ctx context.Context) ([]deaconFigure, error) {
	engine := f.bd
	engine.path = filepath.Join(filepath.Dir(f.path), "gt-engine")
	var fronted, direct, added []sample
	for run := range 1 + f.runs {
		words, err := show(1)(&f.clerk, f.clerk.next(taskShow))
		if err != nil {
			return nil, err
		}
		one, err := f.bd.run(ctx, f.writer, words...)
		if err != nil {
			return nil, err
		}
		other, err := engine.run(ctx, f.writer, append([]string{"bd"}, words...)...)
		if err != nil {
			return nil, err
		}
		if run > 0 {
			fronted, direct = append(fronted, one), append(direct, other)
			added = append(added, sample{wall: one.wall - other.wall, work: one.work - other.work})
		}
	}
	return []deaconFigure{
		{Name: frontShow + " without a Deacon", Unit: "ms", Value: milliseconds(fronted, whole), Other: milliseconds(direct, whole),
			Beside: "the engine called directly"},
		{Name: frontAdded, Unit: "ms", Value: milliseconds(added, whole), Other: milliseconds(added, processor),
			Beside: "of processor time"},
	}, nil
}

// since is the time since began, in milliseconds.
func since(began time.Time) float64 { return float64(time.Since(began).Microseconds()) / 1000 }
