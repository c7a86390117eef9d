package host

import (
	"context"
	"os"
	"slices"

	"gastown/planes/doltdb"
	"gastown/planes/exchange"
	"gastown/planes/federation"
	"gastown/town"
	"gastown/town/access"
	"gastown/town/config"
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
	denies, err := h.deniesRecords(ctx)
	if err != nil {
		return nil, err
	}
	shelf, err := exchange.OpenShelf(ctx, exchange.UUID(h.Config.Stores[layout.Federation]), h.Config.Town.ID, opts...)
	if err != nil {
		return nil, err
	}
	shelf.Hide(hidden)
	shelf.Admit(denies)
	return shelf, nil
}

// deniesRecords says why records of other Towns may not enter this one; nil where none is
// here.
func (h *Host) deniesRecords(ctx context.Context) (denies func(owner town.ID, id, author string) string, err error) {
	here := func(r config.Remote) bool { _, err := os.Lstat(h.Layout.Exchange(r.Name)); return err == nil }
	if !slices.ContainsFunc(h.Config.Remotes, here) {
		return nil, nil
	}
	err = h.Engine(EngineOptions{}).Read(ctx, func(s *federation.Store) error {
		judge, err := s.Judge(ctx)
		denies = func(owner town.ID, id, author string) string {
			return judge(federation.Arrival{Key: town.Key{Kind: access.KindBead, Name: id}, Town: owner, Author: author})
		}
		return err
	})
	return denies, err
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
