// Package insight reads what analyses of the Town need: metrics, rows of the planes, and
// settings.
package insight

import (
	"context"
	"errors"
	"time"

	"gastown/cmd/internal/figures"
	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/deacon/control"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/analysis"
)

// longest is how much time may be looked at: as much as monitor.keep allows at most.
const longest = 366 * 24 * time.Hour

// Since reads the flag --since as a time in the last year. example is a command that has
// one.
func Since(text string, now time.Time, example string) (time.Time, error) {
	since, err := shell.Since(text, now)
	if err == nil && (!since.Before(now) || now.Sub(since) > longest) {
		err = town.Fail("read --since", "for instance: "+example, "%w: %q is not a time in the last year", town.ErrUsage, town.Clip(text, 40))
	}
	return since, err
}

// Facts reads the metrics that types of analyses need. Without any, why says so.
func Facts(ctx context.Context, call *shell.Call, since, now time.Time, types ...analysis.Type) (f analysis.Facts, why string, err error) {
	f = analysis.Facts{From: since, To: now}
	err = figures.With(ctx, call, "analyze the Town", func(ctx context.Context, s figures.Source) (err error) {
		f, err = analysis.Read(ctx, s, since, now, types...)
		return err
	})
	switch {
	case errors.Is(err, control.ErrNoDeacon):
		return f, "no Deacon has run here: gt deacon start", nil
	case errors.Is(err, town.ErrRefused) && ctx.Err() == nil:
		return f, "metrics are off: gt monitor enable --type=performance", nil
	}
	return f, "", err
}

// Settings are the values of settings in force.
func Settings(h *host.Host) analysis.Setting {
	return func(key string) string {
		value, _, _ := h.Config.Get(key) // the keys exist, and their values were checked
		return value
	}
}

// mostRows is how many decided merge requests and results of checks of a rig are read.
const mostRows = 500

// Rows reads what the planes hold for types of analyses.
func Rows(ctx context.Context, h *host.Host, types ...analysis.Type) (r analysis.Rows, err error) {
	for _, t := range types {
		switch t {
		case analysis.Mail:
			err = errors.Join(
				h.Rows(ctx, func(s *operational.Store) (err error) { r.Nudges, err = s.NudgeBoard(ctx); return err }),
				h.WithLedger(ctx, func(l *ledger.Store) (err error) { r.Boxes, err = l.AllUnread(ctx); return err }))
		case analysis.Polecat:
			err = h.Rows(ctx, func(s *operational.Store) (err error) { r.Work, err = s.Work(ctx); return err })
		case analysis.Refinery:
			err = refineries(ctx, h, &r)
		}
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

func refineries(ctx context.Context, h *host.Host, r *analysis.Rows) error {
	rigs, err := h.Rigs().Load()
	if err != nil {
		return err
	}
	return h.Rows(ctx, func(s *operational.Store) (err error) {
		if r.Refineries, err = s.Refineries(ctx); err != nil {
			return err
		}
		for _, rig := range rigs {
			merges, _, err := s.Merges(ctx, rig.Name, mostRows)
			if err != nil {
				return err
			}
			tests, err := s.LastTests(ctx, rig.Name, mostRows)
			if err != nil {
				return err
			}
			r.Merges, r.Tests = append(r.Merges, merges...), append(r.Tests, tests...)
		}
		return nil
	})
}
