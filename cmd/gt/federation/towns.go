package federation

import (
	"context"
	"strconv"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/federation"
	"gastown/town"
	"gastown/town/layout"
)

// townsOptions are the options of gt federation towns.
type townsOptions struct{ call *shell.Call }

func townsCommand() shell.Command {
	return shell.Command{
		Name: "towns", Help: "List the Towns of the federation.",
		Examples: []string{"gt federation towns", "gt federation towns --json"},
		Planes:   []string{layout.Federation}, Permission: shell.MayReadFederation, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action { return (&townsOptions{call: call}).run },
	}
}

func (o *townsOptions) run(ctx context.Context) error {
	h, err := open(o.call)
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
			out = append(out, member{m, m.ID == h.Config.Town.ID})
		}
		return err
	})
	if err != nil {
		return err
	}
	return o.call.Show(out, func(p *term.Printer) {
		if len(out) == 0 {
			p.Line("no Town is registered: that happens with gt federation init or join")
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
		p.Table([]string{"NAME", "ID", "REVISION", ""}, rows)
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

// townName is a Town's name, or the start of its id if it has no name.
func townName(all map[town.ID]string, id town.ID) string {
	if name := all[id]; name != "" {
		return name
	}
	if id == "" {
		return "-"
	}
	return short(string(id))
}
