package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/uuid"

	"gastown/cmd/gt/benchmark/trial"
	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/town/layout"
)

// maxRepeated is the largest number of beads whose import into an empty ledger is
// repeated. Larger imports are measured once.
const maxRepeated = judged

// fill imports all beads into a new Town, once per measurement. The other tasks use
// the last Town.
func (f *beadBench) fill(ctx context.Context) error {
	runs := f.runs
	if f.clerk.beads > maxRepeated {
		runs = 1
	}
	var samples []sample
	for run := range runs {
		root := filepath.Join(f.dir, "t"+strconv.Itoa(run))
		if err := f.install(ctx, root, "bench"); err != nil {
			return err
		}
		former := f.writer
		if err := f.settle(ctx, root); err != nil {
			return err
		}
		if former != "" {
			if err := os.RemoveAll(former); err != nil {
				return err
			}
		}
		s, err := f.bd.run(ctx, root, "import", f.export)
		if err != nil {
			return err
		}
		samples = append(samples, s)
	}
	if f.public != nil {
		s, err := f.public.fill(ctx, f.export)
		if err != nil {
			return fmt.Errorf("the public bd: %w", err)
		}
		f.theirs[taskFill] = []sample{s}
	}
	got, err := f.judged(ctx, figureOf(taskFill, samples), false)
	if err == nil && f.clerk.beads <= maxRepeated {
		got.Direct, err = f.fillDirect(ctx)
	}
	f.report.Tasks = append(f.report.Tasks, got)
	return errors.Join(err, f.sized(sizeImported))
}

// fillDirect measures the import in this process, in milliseconds.
func (f *beadBench) fillDirect(ctx context.Context) (_ float64, err error) {
	opts := doltdb.Options{Dir: filepath.Join(f.dir, "direct", layout.Ledger), Actor: trial.Database(f.at, layout.Ledger).Actor}
	s, err := ledger.Create(ctx, opts, uuid.NewString())
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close(), os.RemoveAll(filepath.Dir(opts.Dir))) }()
	in, err := os.Open(f.export)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	began := time.Now()
	_, err = s.Import(ctx, in, ledger.ImportOptions{})
	return float64(time.Since(began).Microseconds()) / 1000, err
}

// collect measures a read of the freshly filled ledger, collects its garbage, and
// measures its size.
func (f *beadBench) collect(ctx context.Context) error {
	got, err := f.task(ctx, task{name: taskRaw, line: show(1)}, false)
	if err != nil {
		return err
	}
	f.report.Tasks = append(f.report.Tasks, got)
	if f.public != nil {
		if err := f.public.collect(ctx); err != nil {
			return fmt.Errorf("the public bd: %w", err)
		}
	}
	if err := f.opened(ctx, func(s *ledger.Store) error { return s.GC(ctx) }); err != nil {
		return err
	}
	return f.sized(sizeCollected)
}

// imports measures an import on top of all beads. Each run uses a new copy of the
// Town, so that all start from the same state.
func (f *beadBench) imports(ctx context.Context, served bool) error {
	var samples []sample
	var most float64
	for range f.runs {
		root := filepath.Join(f.dir, "copy")
		if out, err := exec.CommandContext(ctx, "cp", "-a", f.writer, root).CombinedOutput(); err != nil {
			return fmt.Errorf("copy the Town: %w: %s", err, out)
		}
		g := *f.gt
		h := &host{gt: &g}
		if err := h.settle(ctx, root); err != nil {
			return err
		}
		run := func() error {
			s, err := f.bd.run(ctx, root, "import", f.more)
			samples = append(samples, s)
			if err == nil && served {
				var peak float64
				peak, err = h.peak(ctx)
				most = max(most, peak)
			}
			return err
		}
		err := error(nil)
		if served {
			err = h.attended(ctx, run)
		} else {
			err = run()
		}
		if err = errors.Join(err, os.RemoveAll(root)); err != nil {
			return err
		}
	}
	got := figureOf(taskImport(f.added), samples)
	got.Beads, got.Deacon, got.Host = f.clerk.beads, served, most
	f.report.Tasks = append(f.report.Tasks, judgeBead(got))
	return nil
}
