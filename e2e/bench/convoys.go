package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/convoy"
	"gastown/town/layout"
)

// convoyRefresh is the name of a figure, manyConvoys and perConvoy how many convoys and
// beads of each it has, and besideConvoys how many waiting beads are in none.
const (
	convoyRefresh = "50 convoys after a change"
	manyConvoys   = 50
	perConvoy     = 16
	besideConvoys = 2000
)

// convoys makes the convoys of a Town, beside other beads that wait for each other, and
// measures what people wait for. With manyConvoys it also measures how long it takes to
// read them right after the ledger changed. No Deacon runs.
func (h *host) convoys(ctx context.Context, size townSize, runs int) (figures []deaconFigure, err error) {
	members, err := h.follow(ctx, size.convoys)
	if err != nil {
		return nil, err
	}
	if size.convoys == manyConvoys {
		if figures, err = h.refreshes(ctx, members, runs); err != nil {
			return nil, err
		}
	}
	more, err := h.waits(ctx, size, runs)
	return append(figures, more...), err
}

// follow makes convoys and returns their beads.
func (h *host) follow(ctx context.Context, convoys int) (members []string, err error) {
	l, err := ledger.Open(ctx, h.database(layout.Ledger), h.config.Stores[layout.Ledger])
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	var beads []ledger.NewBead
	add := func(id, after string) {
		b := town.Bead{ID: id, Title: "work", Priority: 2}
		if after != "" {
			b.Dependencies = []town.Dependency{{Bead: id, Target: after, Type: town.DepBlocks}}
		}
		beads = append(beads, ledger.NewBead{Bead: b})
	}
	for c := range convoys {
		for n := range perConvoy {
			id, after := fmt.Sprintf("gt-c%dx%d", c, n), ""
			if n%4 > 0 {
				after = members[len(members)-1]
			}
			add(id, after)
			members = append(members, id)
		}
	}
	for n := range besideConvoys {
		after := ""
		if n%10 > 0 {
			after = fmt.Sprintf("gt-o%d", n-1)
		}
		add(fmt.Sprintf("gt-o%d", n), after)
	}
	if _, err := l.Create(ctx, beads); err != nil {
		return nil, err
	}
	for c := range convoys {
		if _, err := convoy.Create(ctx, l, convoy.New{Name: fmt.Sprint("convoy ", c), Members: members[c*perConvoy : (c+1)*perConvoy]}); err != nil {
			return nil, err
		}
	}
	return members, nil
}

// refreshes reads all convoys right after a change.
func (h *host) refreshes(ctx context.Context, members []string, runs int) (_ []deaconFigure, err error) {
	l, err := ledger.Open(ctx, h.database(layout.Ledger), h.config.Stores[layout.Ledger])
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	o, err := operational.Open(ctx, h.database(layout.Operational), h.config.Stores[layout.Operational])
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
		if len(all) != manyConvoys || all[0].Total != perConvoy {
			return nil, fmt.Errorf("%d convoys were read", len(all))
		}
		if run > 0 {
			took = append(took, float64(time.Since(began).Microseconds())/1000)
		}
	}
	return []deaconFigure{{Name: convoyRefresh, Unit: "ms", Value: median(took)}}, nil
}
