package dep

import (
	"context"
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// listOptions are those of bd dep list.
type listOptions struct {
	call            *shell.Call
	ids             []string
	direction, kind string
}

func list() shell.Command {
	return shell.Command{
		Name: "list", Help: "List what beads depend on, one step far.",
		Examples: []string{"bd dep list gt-a3f8x", "bd dep list gt-a3f8x --direction up -t blocks", "bd dep list gt-a3f8x --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &listOptions{call: call}
			c.Arg("id", "The beads.").Required().PlaceHolder("ID").StringsVar(&o.ids)
			c.Flag("direction", "down (as usual), or up: what depends on it.").Default(down).PlaceHolder("WAY").EnumVar(&o.direction, down, up)
			c.Flag("type", "Links of this type only.").Short('t').PlaceHolder("TYPE").StringVar(&o.kind)
			return o.run
		},
	}
}

func (o *listOptions) run(ctx context.Context) error {
	op := "list what " + session.Names(o.ids) + " depends on"
	if o.kind != "" {
		kind, err := town.ParseDepType(o.kind)
		if err != nil {
			return session.Fail(op, err)
		}
		o.kind = string(kind)
	}
	var links []ledger.Linked
	err := session.Read(ctx, o.call, func(r session.Reader) error {
		details, err := r.Get(ctx, o.ids, nil)
		for _, d := range details {
			if o.direction == up {
				links = append(links, d.Dependents...)
			} else {
				links = append(links, d.Dependencies...)
			}
		}
		return err
	})
	if err != nil {
		return session.Fail(op, err)
	}
	if o.kind != "" {
		links = slices.DeleteFunc(links, func(l ledger.Linked) bool { return string(l.Type) != o.kind })
	}
	return o.call.Show(view.Linked(links, nil), func(p *term.Printer) {
		for _, l := range links {
			view.Link(p, l)
		}
		if len(links) == 0 {
			p.Line("No such link.")
		}
	})
}
