package host

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	follow "gastown/deacon/spending"
	"gastown/planes/operational"
	"gastown/town/config"
	"gastown/town/durable"
	"gastown/town/queue"
	"gastown/town/spending"
	"gastown/town/spending/gather"
	"gastown/town/strict"
)

// Prices are what models cost in the Town. With an error they are those that could be read
// last, or the built-in ones.
func (h *Host) Prices() (spending.Prices, error) {
	text, err := readPrices(h.Layout.Prices())
	var prices spending.Prices
	if err == nil {
		prices, err = spending.ParsePrices(text)
	}
	kept, kerr := readPrices(h.Layout.PricesKept())
	if err == nil {
		if kerr != nil || !bytes.Equal(kept, text) {
			// Without it the built-in prices count while the file is wrong.
			_ = durable.Replace(h.Layout.PricesKept(), text, 0o600)
		}
		return prices, nil
	}
	last, e := spending.ParsePrices(kept)
	if kerr != nil || e != nil {
		last, _ = spending.ParsePrices(nil) // never fails
	}
	return last, err
}

// readPrices reads a list of prices. A file that does not exist is empty.
func readPrices(path string) ([]byte, error) {
	text, err := strict.ReadFile(path, spending.MaxPrices)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// Limits are the budgets in a configuration.
func Limits(cfg *config.Config) (l spending.Limits, err error) {
	for name, to := range map[string]*spending.Limit{"budget.bead": &l.Bead, "budget.rig": &l.Rig, "budget.town": &l.Town} {
		b, e := cfg.Budget(name)
		*to, err = spending.Limit{Dollars: b.Dollars, Period: b.Period}, errors.Join(err, e)
	}
	return l, err
}

// budget is what the queue needs to know of budgets. Without one no prices are read. Prices
// that cannot be read do not stop work: the last ones count, and the part spending of the
// Deacon says so.
func (h *Host) budget() (b queue.Budget, err error) {
	if b.Limits, err = Limits(h.Config); err == nil && !b.None() {
		b.Prices, _ = h.Prices()
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
