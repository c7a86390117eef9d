package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"gastown/cmd/gt/benchmark/trial"
	"gastown/planes/ledger"
	"gastown/town/layout"
)

// opened calls fn with the Town's ledger, opened in this process or through the
// Deacon.
func (f *beadBench) opened(ctx context.Context, fn func(*ledger.Store) error) (err error) {
	s, err := ledger.Open(ctx, trial.Database(f.at, layout.Ledger), f.config.Stores[layout.Ledger])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return fn(s)
}

// direct measures the queries of each task through an open ledger, in milliseconds
// by task.
func (f *beadBench) direct(ctx context.Context) (took map[string]float64, err error) {
	took = map[string]float64{}
	err = f.opened(ctx, func(s *ledger.Store) error {
		for _, t := range tasks {
			if t.direct == nil {
				continue
			}
			var samples []sample
			for run := range 1 + f.runs {
				n := f.clerk.next(t.name)
				began := time.Now()
				if err := t.direct(ctx, s, &f.clerk, n); err != nil {
					return fmt.Errorf("%s, direct: %w", t.name, err)
				}
				if run > 0 { // the first run is a warm-up
					samples = append(samples, sample{wall: time.Since(began)})
				}
			}
			took[t.name] = milliseconds(samples, whole)
		}
		return nil
	})
	return took, err
}

// proc is the path of a file in the Deacon's /proc directory.
func (h *host) proc(ctx context.Context, name string) (string, error) {
	status, err := h.client.Status(ctx)
	return filepath.Join("/proc", strconv.Itoa(status.PID), name), err
}

// forgetPeak resets the kernel's record of the Deacon's peak memory.
func (h *host) forgetPeak(ctx context.Context) error {
	path, err := h.proc(ctx, "clear_refs")
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte("5"), 0)
}

// peak is the most memory the Deacon held since forgetPeak, in MB.
func (h *host) peak(ctx context.Context) (float64, error) {
	path, err := h.proc(ctx, "status")
	if err != nil {
		return 0, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(data) {
		if fields := bytes.Fields(line); len(fields) == 3 && string(fields[0]) == "VmHWM:" {
			kilobytes, err := strconv.Atoi(string(fields[1]))
			return float64(kilobytes) * 1024 / 1e6, err
		}
	}
	return 0, fmt.Errorf("%s does not tell the most memory", path)
}
