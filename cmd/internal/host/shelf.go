package host

import (
	"context"

	"gastown/planes/doltdb"
	"gastown/planes/exchange"
	"gastown/town"
	"gastown/town/convoy"
	"gastown/town/layout"
)

// Shelf opens the records that other Towns share with this one, through all of its
// remotes. The caller closes it.
func (h *Host) Shelf(ctx context.Context) (exchange.Shelf, error) {
	var opts []doltdb.Options
	for _, r := range h.Config.Remotes {
		opts = append(opts, doltdb.Options{Dir: h.Layout.Exchange(r.Name), Home: h.Layout.Engine(), Actor: h.Actor, Wait: h.call.Wait, Command: h.call.Name})
	}
	hidden, err := h.HiddenTowns(ctx)
	if err != nil {
		return nil, err
	}
	shelf, err := exchange.OpenShelf(ctx, exchange.UUID(h.Config.Stores[layout.Federation]), h.Config.Town.ID, opts...)
	if err != nil {
		return nil, err
	}
	shelf.Hide(hidden)
	return shelf, nil
}

// Convoys reads the Town's convoys. Records of other Towns that cannot be read are left
// out: they hold nothing up.
func (h *Host) Convoys() convoy.Reader {
	return convoy.Reader{
		Ledger: h.WithLedger, Operational: h.Rows, Now: h.call.Now,
		Others: func(ctx context.Context, refs []string) (map[string]town.Bead, error) {
			all := map[string]town.Bead{}
			shelf, err := h.Shelf(ctx)
			if err != nil {
				return all, ctx.Err()
			}
			for _, ref := range refs {
				if name, id, ok := exchange.ParseRef(ref); ok {
					if r, err := shelf.Get(ctx, name, id); err == nil {
						all[ref] = r.Bead
					}
				}
			}
			return all, shelf.Close()
		},
	}
}
