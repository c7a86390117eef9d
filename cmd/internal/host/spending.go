package host

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	follow "gastown/deacon/spending"
	"gastown/planes/operational"
	"gastown/town/config"
	"gastown/town/queue"
	"gastown/town/spending"
	"gastown/town/spending/gather"
	"gastown/town/strict"
)

// Prices are what models cost in the Town.
func (h *Host) Prices() (spending.Prices, error) {
	data, err := strict.ReadFile(h.Layout.Prices(), spending.MaxPrices)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return spending.Prices{}, err
	}
	return spending.ParsePrices(data)
}

// Limits are the budgets in a configuration.
func Limits(cfg *config.Config) (l spending.Limits, err error) {
	for name, to := range map[string]*spending.Limit{"budget.bead": &l.Bead, "budget.rig": &l.Rig, "budget.town": &l.Town} {
		b, e := cfg.Budget(name)
		*to, err = spending.Limit{Dollars: b.Dollars, Period: b.Period}, errors.Join(err, e)
	}
	return l, err
}

// budget is what the queue needs to know of budgets. Without one no prices are read.
func (h *Host) budget() (b queue.Budget, err error) {
	if b.Limits, err = Limits(h.Config); err == nil && !b.None() {
		b.Prices, err = h.Prices()
	}
	return b, err
}

// Gatherer returns what reads the transcripts of the Town's agents. Programs find their
// folders by the variables of whom gt runs for, and by those of the presets.
func (h *Host) Gatherer(rows operational.Access) (*gather.Gatherer, error) {
	presets, err := h.Presets()
	if err != nil {
		return nil, err
	}
	environments := [][]string{h.call.Env}
	for _, p := range presets {
		if len(p.Env) > 0 {
			environments = append(environments, append(append([]string{}, h.call.Env...), p.Env...))
		}
	}
	town := h.Layout
	if real, err := filepath.EvalSymlinks(town.Root); err == nil {
		town.Root = real // programs tell the real path of their directory
	}
	return &gather.Gatherer{
		Folders: gather.Folders(environments...), Root: town.Root, Rigs: town.Rigs(), Mayor: town.Mayor(), Now: h.call.Now,
		Rows: func(ctx context.Context, fn func(gather.Store) error) error {
			return rows(ctx, func(s *operational.Store) error { return fn(s) })
		},
	}, nil
}

// SpendingMeans is what the Deacon follows spending with.
func (h *Host) SpendingMeans(rows operational.Access) (m follow.Means, err error) {
	if m.Limits, err = Limits(h.Config); err != nil {
		return m, err
	}
	m.Gatherer, err = h.Gatherer(rows)
	m.Prices = h.Prices
	return m, err
}
