package cli

import (
	"context"
	"strconv"

	"github.com/alecthomas/kingpin/v2"

	"gastown/planes/federation"
	"gastown/town"
)

// townsOptions are those of gt federation towns.
type townsOptions struct{ app *App }

func (a *App) configureTowns(fed *kingpin.CmdClause) {
	o := &townsOptions{app: a}
	a.add(fed, "towns", "List the Towns of the federation.", examples("gt federation towns", "gt federation towns --json"), o.run)
}

func (o *townsOptions) run(ctx context.Context) error {
	h, err := o.app.open()
	if err != nil {
		return err
	}
	type member struct {
		federation.Member
		Self bool `json:"self"`
	}
	out := []member{}
	err = h.engine.Read(ctx, func(s *federation.Store) error {
		members, err := s.Towns(ctx)
		for _, m := range members {
			out = append(out, member{m, m.ID == h.config.Town.ID})
		}
		return err
	})
	if err != nil {
		return err
	}
	return o.app.show(out, func(p *printer) {
		if len(out) == 0 {
			p.line("no Town is registered: that happens with gt federation init or join")
			return
		}
		var rows [][]string
		for _, m := range out {
			self := ""
			if m.Self {
				self = "this Town"
			}
			rows = append(rows, []string{m.Name, string(m.ID), strconv.FormatUint(m.Revision, 10), self})
		}
		p.table([]string{"NAME", "ID", "REVISION", ""}, rows)
	})
}

// townNames maps the registry's ids to names.
func townNames(ctx context.Context, s *federation.Store) (map[town.ID]string, error) {
	members, err := s.Towns(ctx)
	all := make(map[town.ID]string, len(members))
	for _, m := range members {
		all[m.ID] = m.Name
	}
	return all, err
}

// townName is a Town's name, or the start of the id of one that has none.
func townName(all map[town.ID]string, id town.ID) string {
	if name := all[id]; name != "" {
		return name
	}
	if id == "" {
		return "-"
	}
	return short(string(id))
}
