package find

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town/layout"
)

// stateOptions are those of bd state.
type stateOptions struct {
	call          *shell.Call
	id, dimension string
}

// State adds the group bd state to a program. A state is a label DIMENSION:VALUE.
func State(p *shell.Program) {
	g := p.Command("state", "States of a bead, which are labels such as health:good.").HelpLong(shell.Examples("bd state gt-a3f8x health", "bd state list gt-a3f8x"))
	p.Add(g, shell.Command{
		Name: "get", Default: true, Help: "Print the value of one state.",
		Examples: []string{"bd state gt-a3f8x health", "bd state gt-a3f8x health --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &stateOptions{call: call}
			c.Arg("id", "The bead.").Required().PlaceHolder("ID").StringVar(&o.id)
			c.Arg("dimension", "What the label begins with.").Required().PlaceHolder("DIMENSION").StringVar(&o.dimension)
			return o.get
		},
	})
	p.Add(g, shell.Command{
		Name: "list", Help: "List every state of a bead.",
		Examples: []string{"bd state list gt-a3f8x", "bd state list gt-a3f8x --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &stateOptions{call: call}
			c.Arg("id", "The bead.").Required().PlaceHolder("ID").StringVar(&o.id)
			return o.list
		},
	})
}

// states reads the states of the bead, and its full id.
func (o *stateOptions) states(ctx context.Context) (id string, states map[string]string, err error) {
	states = map[string]string{}
	err = session.Read(ctx, o.call, func(r session.Reader) error {
		got, err := r.Get(ctx, []string{o.id}, ledger.Fields{"labels"})
		if err != nil {
			return err
		}
		id = got[0].ID
		for _, label := range got[0].Labels {
			if dimension, value, ok := strings.Cut(label, ":"); ok && dimension != "" {
				if _, first := states[dimension]; !first {
					states[dimension] = value
				}
			}
		}
		return nil
	})
	return id, states, session.Fail("show the states of "+session.Names([]string{o.id}), err)
}

func (o *stateOptions) get(ctx context.Context) error {
	id, states, err := o.states(ctx)
	if err != nil {
		return err
	}
	out := struct {
		ID        string  `json:"issue_id"`
		Dimension string  `json:"dimension"`
		Value     *string `json:"value"`
	}{ID: id, Dimension: o.dimension}
	if value, ok := states[o.dimension]; ok {
		out.Value = &value
	}
	return o.call.Show(out, func(p *term.Printer) {
		if out.Value == nil {
			p.Styled(term.Dim, "no state %s", o.dimension)
			return
		}
		p.Line("%s", *out.Value)
	})
}

func (o *stateOptions) list(ctx context.Context) error {
	id, states, err := o.states(ctx)
	if err != nil {
		return err
	}
	return o.call.Show(struct {
		ID     string            `json:"issue_id"`
		States map[string]string `json:"states"`
	}{id, states}, func(p *term.Printer) {
		for _, dimension := range slices.Sorted(maps.Keys(states)) {
			p.Line("%s: %s", dimension, states[dimension])
		}
		if len(states) == 0 {
			p.Styled(term.Dim, "no states")
		}
	})
}
