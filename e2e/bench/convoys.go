package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gastown/cmd/gt/benchmark/trial"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town/convoy"
	"gastown/town/layout"
)

// convoyRefresh is the name of a figure, and manyConvoys how many convoys it has.
const (
	convoyRefresh = "50 convoys after a change"
	manyConvoys   = 50
)

// convoys makes the convoys of a Town, beside other beads that wait for each other, and
// measures what people wait for. With manyConvoys it also measures how long it takes to
// read them right after the ledger changed. No Deacon runs.
func (h *host) convoys(ctx context.Context, size townSize, runs int) (figures []deaconFigure, err error) {
	members, err := h.follow(ctx, size.Convoys)
	if err != nil {
		return nil, err
	}
	if size.Convoys == manyConvoys {
		if figures, err = h.refreshes(ctx, members, runs); err != nil {
			return nil, err
		}
	}
	more, err := h.waits(ctx, size, runs)
	return append(figures, more...), err
}

// follow makes convoys and returns their beads.
func (h *host) follow(ctx context.Context, convoys int) (members []string, err error) {
	l, err := ledger.Open(ctx, trial.Database(h.at, layout.Ledger), h.config.Stores[layout.Ledger])
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	return trial.Convoys(ctx, l, convoys, trial.Beside)
}

// refreshes reads all convoys right after a change.
func (h *host) refreshes(ctx context.Context, members []string, runs int) (_ []deaconFigure, err error) {
	l, err := ledger.Open(ctx, trial.Database(h.at, layout.Ledger), h.config.Stores[layout.Ledger])
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	o, err := h.operational(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	r := convoy.Reader{
		Ledger:      func(_ context.Context, fn func(*ledger.Store) error) error { return fn(l) },
		Operational: func(_ context.Context, fn func(*operational.Store) error) error { return fn(o) }, Now: time.Now,
	}
	var took []float64
	for run := range 1 + runs {
		if _, err := l.Update(ctx, []ledger.Patch{{ID: members[run%len(members)], Priority: new(run % 5)}}); err != nil {
			return nil, err
		}
		began := time.Now()
		all, err := r.Read(ctx, convoy.Select{})
		if err != nil {
			return nil, err
		}
		if len(all) != manyConvoys || all[0].Total != trial.PerConvoy {
			return nil, fmt.Errorf("%d convoys were read", len(all))
		}
		if run > 0 {
			took = append(took, float64(time.Since(began).Microseconds())/1000)
		}
	}
	return []deaconFigure{{Name: convoyRefresh, Unit: "ms", Value: median(took)}}, nil
}
