package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"gastown/town/layout"
)

// beadBench measures bd in one Town, and the public bd beside it if there is one.
type beadBench struct {
	*host
	runs int
	dir  string
	bd   program
	// export is the file of all beads, more the file of the beads imported on top,
	// and added how many those are.
	export, more string
	added        int
	clerk        clerk
	public       *public
	// theirs are the runs of the public bd, by task.
	theirs map[string][]sample
	report *beadReport
}

// ledgers measures bd with every number of beads, alone and with a Deacon. After an
// error it returns the figures it has.
func ledgers(ctx context.Context, o options, progress io.Writer) (r beadReport, err error) {
	for _, n := range o.beads {
		began := time.Now()
		// The path is short because the Deacon's sockets are in it.
		dir, err := os.MkdirTemp("", "gtb")
		if err != nil {
			return r, err
		}
		err = ledgerOf(ctx, o, dir, n, &r)
		if o.keep {
			fmt.Fprintf(progress, "bd with %d beads: everything is left in %s\n", n, dir)
		} else {
			err = errors.Join(err, os.RemoveAll(dir))
		}
		if err != nil {
			return r, fmt.Errorf("bd with %d beads: %w", n, err)
		}
		fmt.Fprintf(progress, "bd with %d beads: measured in %s\n", n, time.Since(began).Round(time.Second))
	}
	return r, nil
}

// ledgerOf measures bd with one number of beads in dir.
func ledgerOf(ctx context.Context, o options, dir string, beads int, r *beadReport) (err error) {
	f := &beadBench{host: &host{}, runs: o.runs, added: o.more, dir: dir, report: r, theirs: map[string][]sample{},
		export: filepath.Join(dir, "all.jsonl"), more: filepath.Join(dir, "more.jsonl")}
	if f.gt, err = newGT(o, dir); err != nil {
		return err
	}
	f.bd = program{path: filepath.Join(filepath.Dir(f.path), "bd"), timed: f.timed, env: f.env}
	open, err := writeBeads(f.export, 0, beads)
	if err != nil {
		return err
	}
	if _, err := writeBeads(f.more, beads, beads+o.more); err != nil {
		return err
	}
	f.clerk = clerk{dir: dir, beads: beads, open: open, done: map[string]int{}}
	if o.public != "" && beads <= maxPublic {
		if f.public, err = newPublic(ctx, o, dir, f.clerk); err != nil {
			return fmt.Errorf("the public bd: %w", err)
		}
	}
	for _, part := range []func(context.Context) error{f.fill, f.collect, f.alone, f.served} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// alone measures everything without a Deacon.
func (f *beadBench) alone(ctx context.Context) error {
	if err := f.tasks(ctx, false); err != nil {
		return err
	}
	return f.imports(ctx, false)
}

// served measures everything with a Deacon, and always stops the Deacon.
func (f *beadBench) served(ctx context.Context) (err error) {
	if err := f.attended(ctx, func() error { return f.tasks(ctx, true) }); err != nil {
		return err
	}
	return f.imports(ctx, true)
}

// attended calls do while the Town's Deacon runs.
func (h *host) attended(ctx context.Context, do func() error) (err error) {
	if _, err := h.command(ctx, "deacon", "start"); err != nil {
		return err
	}
	defer func() {
		_, stopped := h.command(context.WithoutCancel(ctx), "deacon", "stop")
		h.client.Close()
		err = errors.Join(err, stopped)
	}()
	return do()
}

// tasks measures every task as a process, and its queries through an open ledger.
func (f *beadBench) tasks(ctx context.Context, served bool) error {
	first := len(f.report.Tasks)
	for _, t := range tasks {
		got, err := f.task(ctx, t, served)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		f.report.Tasks = append(f.report.Tasks, got)
	}
	direct, err := f.direct(ctx)
	for i := range f.report.Tasks[first:] {
		got := &f.report.Tasks[first+i]
		got.Direct = direct[got.Task]
	}
	return err
}

// task measures one task. The first run on each side is a warm-up and not counted.
func (f *beadBench) task(ctx context.Context, t task, served bool) (beadFigure, error) {
	if served {
		if err := f.forgetPeak(ctx); err != nil {
			return beadFigure{}, err
		}
	}
	var samples []sample
	for run := range 1 + f.runs {
		s, err := once(ctx, f.bd, f.writer, &f.clerk, t)
		if err != nil {
			return beadFigure{}, err
		}
		if run > 0 {
			samples = append(samples, s)
		}
		if f.public == nil || served {
			continue
		}
		if s, err = once(ctx, f.public.program, f.public.root, f.public.clerk, t); err != nil {
			return beadFigure{}, err
		}
		if run > 0 {
			f.theirs[t.name] = append(f.theirs[t.name], s)
		}
	}
	return f.judged(ctx, figureOf(t.name, samples), served)
}

// once runs a task on one side.
func once(ctx context.Context, p program, dir string, c *clerk, t task) (sample, error) {
	n := c.next(t.name)
	if t.before != nil {
		if line := t.before(c, n); line != nil {
			if _, err := p.run(ctx, dir, line...); err != nil {
				return sample{}, err
			}
		}
	}
	line, err := t.line(c, n)
	if err != nil {
		return sample{}, err
	}
	return p.run(ctx, dir, line...)
}

// judged completes a figure. served says that the Town has a Deacon.
func (f *beadBench) judged(ctx context.Context, got beadFigure, served bool) (_ beadFigure, err error) {
	got.Beads, got.Deacon = f.clerk.beads, served
	if served {
		if got.Host, err = f.peak(ctx); err != nil {
			return got, err
		}
	}
	return f.beside(got), nil
}

// beside adds the public bd's figures and the limits.
func (f *beadBench) beside(got beadFigure) beadFigure {
	if theirs := f.theirs[got.Task]; len(theirs) > 0 {
		sum := figureOf(got.Task, theirs)
		got.Public, got.PublicMemory, got.PublicCPU, got.Measured = sum.Median, sum.Memory, sum.CPU, true
	}
	return judgeBead(got)
}

// sized adds the size of the ledger on disk.
func (f *beadBench) sized(name string) error {
	bytes, err := size(f.at.Data(layout.Ledger))
	if err != nil {
		return err
	}
	s := beadSize{Beads: f.clerk.beads, Name: name, Size: float64(bytes) / 1e6}
	if f.public != nil {
		if s.Public, err = f.public.megabytes(); err != nil {
			return err
		}
	}
	f.report.Sizes = append(f.report.Sizes, judgeSize(s))
	return nil
}
