package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	// monthPoints are the points of 30 days, one an hour.
	monthPoints = 30 * 24
	// monthBeads is how many beads the Town has at most: with them 720 points take ten minutes.
	monthBeads = 5000
	// monthChanged is how many beads change before each point.
	monthChanged = 20

	backupMonth     = "%d hourly points of %d beads, %d changed before each"
	backupMonthTime = "each of them, with its changes"
)

// month measures what the hourly points of 30 days take: all of them are taken, one after the
// other, by the commands that a Deacon runs. Beside them is one full copy of the Town at the
// end, with the same history.
func month(ctx context.Context, o options) ([]deaconFigure, error) {
	return scratch(o, func(h *host) (figures []deaconFigure, err error) {
		if err := h.town(ctx); err != nil {
			return nil, err
		}
		err = h.attended(ctx, func() error {
			figures, err = h.month(ctx, o.points, min(monthBeads, slices.Max(o.beads)))
			return err
		})
		return figures, err
	})
}

func (h *host) month(ctx context.Context, points, beads int) (_ []deaconFigure, err error) {
	bd := program{path: filepath.Join(filepath.Dir(h.path), "bd"), timed: h.timed, env: h.env}
	hourly, full := filepath.Join(h.dir, "hourly"), filepath.Join(h.dir, "full")
	all, changes := filepath.Join(h.dir, "all.jsonl"), filepath.Join(h.dir, "changes.jsonl")
	if err := errors.Join(os.Mkdir(hourly, 0o700), os.Mkdir(full, 0o700)); err != nil {
		return nil, err
	}
	if _, err := writeBeads(all, 0, beads); err != nil {
		return nil, err
	}
	if _, err := bd.run(ctx, h.at.Root, "import", all); err != nil {
		return nil, err
	}
	// The Deacon takes none beside ours.
	for _, setting := range [][]string{{"backup.interval", "24h"}, {"backup.files_interval", "240h"}, {"backup.to", hourly}} {
		if _, err := h.command(ctx, append([]string{"config"}, setting...)...); err != nil {
			return nil, err
		}
	}
	began := time.Now()
	for i := range points {
		if err := writeChanges(changes, fmt.Sprint("hour ", i), func(yield func(int) bool) {
			for n := range monthChanged {
				if !yield((i*monthChanged + n*(beads/monthChanged+1)) % beads) {
					return
				}
			}
		}); err != nil {
			return nil, err
		}
		if _, err := bd.run(ctx, h.at.Root, "update", "--batch", changes); err != nil {
			return nil, err
		}
		if _, err := h.command(ctx, "backup", "run"); err != nil {
			return nil, err
		}
	}
	took := time.Since(began)
	taken, err := filepath.Glob(filepath.Join(hourly, "points", "*Z.json"))
	if err != nil || len(taken) < points {
		return nil, errors.Join(err, fmt.Errorf("%d points of %d are there", len(taken), points))
	}
	size := sizeOf(hourly)
	if _, err := h.command(ctx, "config", "backup.to", full); err != nil {
		return nil, err
	}
	if _, err := h.command(ctx, "backup", "run"); err != nil {
		return nil, err
	}
	return []deaconFigure{
		{Name: fmt.Sprintf(backupMonth, points, beads, monthChanged), Unit: "bytes", Value: size, Other: sizeOf(full), Beside: "one full copy"},
		{Name: backupMonthTime, Unit: "ms", Value: float64(took.Milliseconds()) / float64(points)},
	}, nil
}
