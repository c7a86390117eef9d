package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"gastown/planes/doltdb/copies"
	"gastown/town/layout"
)

// The names of the figures of backups. The numbers of beads are those of -beads.
const (
	backupFirst   = "first backup of %d beads"
	backupHourly  = "backup after 1,000 changed of %d beads"
	backupBytes   = "bytes of that backup, beside what the database wrote"
	backupIdle    = "backup when nothing has changed, %d beads"
	backupRestore = "restore of %d beads"
	backupPromote = "promotion of a standby with %d beads"
	backupChanged = 1000
	// The limits at large: of the figures, in milliseconds, and the bytes as a ratio.
	backupHourlyMost, backupRestoreMost, backupBytesMost, backupPromoteMost = 2000, 10_000, 2, 5000
)

// backups measures backups of the largest number of beads, without a Deacon.
func backups(ctx context.Context, o options) ([]deaconFigure, error) {
	return scratch(o, func(h *host) ([]deaconFigure, error) { return h.backups(ctx, slices.Max(o.beads)) })
}

func (h *host) backups(ctx context.Context, beads int) (figures []deaconFigure, err error) {
	bd := program{path: filepath.Join(filepath.Dir(h.path), "bd"), timed: h.timed, env: h.env}
	to, all, changes := filepath.Join(h.dir, "disk"), filepath.Join(h.dir, "all.jsonl"), filepath.Join(h.dir, "changes.jsonl")
	if err := errors.Join(h.town(ctx), os.Mkdir(to, 0o700)); err != nil {
		return nil, err
	}
	if _, err := writeBeads(all, 0, beads); err != nil {
		return nil, err
	}
	if _, err := bd.run(ctx, h.at.Root, "import", all); err != nil {
		return nil, err
	}
	if _, err := h.command(ctx, "config", "backup.to", to); err != nil {
		return nil, err
	}
	timed := func(name string, args ...string) error {
		began := time.Now()
		_, err := h.command(ctx, args...)
		figures = append(figures, deaconFigure{Name: name, Unit: "ms", Value: float64(time.Since(began).Microseconds()) / 1000})
		return err
	}
	limit := func(most float64) {
		last := &figures[len(figures)-1]
		last.Limit = most
		last.Over = last.Value > most
	}
	if err := timed(fmt.Sprintf(backupFirst, beads), "backup", "run"); err != nil {
		return figures, err
	}
	journal := func() float64 {
		info, err := os.Stat(filepath.Join(h.at.Data(layout.Ledger), filepath.FromSlash(copies.StoreDir), journalName))
		if err != nil {
			return 0 // there is none after a garbage collection
		}
		return float64(info.Size())
	}
	if err := writeChanges(changes, "changed", func(yield func(int) bool) {
		for i := 0; i < beads && yield(i); i += max(1, beads/backupChanged) {
		}
	}); err != nil {
		return figures, err
	}
	before := journal()
	if _, err := bd.run(ctx, h.at.Root, "update", "--batch", changes); err != nil {
		return figures, err
	}
	wrote, held := journal()-before, sizeOf(to)
	if err := timed(fmt.Sprintf(backupHourly, beads), "backup", "run"); err != nil {
		return figures, err
	}
	limit(backupHourlyMost)
	added := sizeOf(to) - held
	figures = append(figures, deaconFigure{Name: backupBytes, Unit: "bytes", Value: added, Other: wrote, Beside: "journal",
		Limit: backupBytesMost, Relative: true, Over: wrote > 0 && added/wrote > backupBytesMost})
	if err := timed(fmt.Sprintf(backupIdle, beads), "backup", "run"); err != nil {
		return figures, err
	}
	if err := timed(fmt.Sprintf(backupRestore, beads), "backup", "restore"); err != nil {
		return figures, err
	}
	limit(backupRestoreMost)
	promoted, err := h.promote(ctx, to, beads)
	if err != nil {
		return figures, err
	}
	figures = append(figures, promoted)
	limit(backupPromoteMost)
	return figures, nil
}

// promote measures gt town promote in a directory that stands by and has everything. The
// former directory is there and did not step down.
func (h *host) promote(ctx context.Context, to string, beads int) (f deaconFigure, err error) {
	second, hub := filepath.Join(h.dir, "second"), filepath.Join(h.dir, "hub.git")
	if out, err := exec.CommandContext(ctx, "git", "init", "-q", "--bare", hub).CombinedOutput(); err != nil {
		return f, fmt.Errorf("%w: %s", err, out)
	}
	for _, args := range [][]string{{"federation", "init", hub, "--yes"}, {"backup", "run"}, {"town", "standby", "--of", to, second}} {
		if _, err := h.command(ctx, args...); err != nil {
			return f, err
		}
	}
	// The backup is not encrypted, so it has no keys.
	keys, err := os.ReadFile(layout.Town{Root: h.writer}.Keys())
	if err == nil {
		err = os.WriteFile(layout.Town{Root: second}.Keys(), keys, 0o600)
	}
	if err != nil {
		return f, err
	}
	began := time.Now()
	_, err = h.run(ctx, h.dir, "--town", second, "town", "promote", "--force")
	return deaconFigure{Name: fmt.Sprintf(backupPromote, beads), Unit: "ms", Value: float64(time.Since(began).Microseconds()) / 1000}, err
}

// journalName is the file in which the engine writes.
const journalName = "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"

// writeChanges writes new titles of beads, by their numbers.
func writeChanges(path, what string, numbers iter.Seq[int]) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := bufio.NewWriter(f)
	lines := json.NewEncoder(out)
	for i := range numbers {
		if err := lines.Encode(map[string]string{"id": bead(i).ID, "title": fmt.Sprint(what, " title of bead ", i)}); err != nil {
			return err
		}
	}
	return out.Flush()
}

// sizeOf is the size of all files below a directory, in bytes.
func sizeOf(dir string) (n float64) {
	_ = filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err == nil {
				n += float64(info.Size())
			}
		}
		return nil
	})
	return n
}
