package survey

import (
	"context"
	"fmt"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// graphOptions are those of bd graph.
type graphOptions struct {
	call      *shell.Call
	id        string
	all       bool
	dot, html bool
}

// Graph is bd graph.
func Graph() shell.Command {
	return shell.Command{
		Name: "show", Default: true, Help: "Show the beads that links connect with one, in layers: what can begin, then what waits for that.",
		Examples: []string{
			"bd graph gt-a3f8x", "bd graph --all", "bd graph gt-a3f8x --dot | dot -Tsvg > graph.svg", "bd graph --all --html > graph.html", "bd graph gt-a3f8x --json",
		},
		Planes: []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &graphOptions{call: call}
			c.Arg("id", "The bead.").PlaceHolder("ID").StringVar(&o.id)
			c.Flag("all", "Every group of beads that are not closed.").BoolVar(&o.all)
			c.Flag("dot", "As a graph for Graphviz.").BoolVar(&o.dot)
			c.Flag("html", "As a page for a browser, which needs no network.").BoolVar(&o.html)
			for _, usual := range []string{"compact", "box"} {
				c.Flag(usual, "Without effect: a line for each bead, in layers under headings, is what is usual.").Hidden().Bool()
			}
			return o.run
		},
	}
}

func (o *graphOptions) run(ctx context.Context) error {
	const op = "show how beads are linked"
	switch {
	case o.all == (o.id != ""):
		return session.Fail(op, fmt.Errorf("%w: give the id of a bead, or --all", town.ErrUsage))
	case o.dot && o.html:
		return session.Fail(op, fmt.Errorf("%w: give --dot or --html, not both", town.ErrUsage))
	}
	fields := view.LineFields()
	if o.call.JSON {
		fields = nil // whole beads
	}
	var graphs []ledger.Graph
	err := session.Use(ctx, o.call, func(l *session.Ledger) (err error) {
		if o.all {
			graphs, err = l.OpenGraphs(ctx, fields)
			return err
		}
		g, err := l.Graph(ctx, o.id, fields)
		graphs = []ledger.Graph{g}
		return err
	})
	if err != nil {
		return session.Fail(op, err)
	}
	switch {
	case o.call.JSON && o.all:
		return o.call.Show(graphs, nil)
	case o.call.JSON:
		g := graphs[0]
		return o.call.Show(struct {
			Root   town.Bead      `json:"root"`
			Issues []town.Bead    `json:"issues"`
			Layout *ledger.Layout `json:"layout"`
		}{g.Root, g.Issues, g.Layout()}, nil)
	case o.html:
		return writePage(o.call.Stdout, graphs)
	}
	p := o.call.Printer(o.call.Stdout)
	if o.dot {
		sayDot(p, graphs)
	} else {
		sayGraphs(p, graphs)
	}
	return p.Flush()
}

func sayDot(p *term.Printer, graphs []ledger.Graph) {
	var ids []string
	var links []town.Dependency
	titles := map[string]string{}
	for _, g := range graphs {
		for _, b := range g.Issues {
			ids, titles[b.ID] = append(ids, b.ID), b.Title
		}
		links = append(links, g.Dependencies...)
	}
	view.Dot(p, ids, titles, links)
}

func sayGraphs(p *term.Printer, graphs []ledger.Graph) {
	for i, g := range graphs {
		if i > 0 {
			p.Line("")
		}
		l := g.Layout()
		for depth, layer := range l.Layers {
			p.Styled(term.Dim, "layer %d", depth)
			for _, id := range layer {
				more := ""
				if n := l.Nodes[id]; len(n.DependsOn) > 0 {
					more = "  <- " + strings.Join(n.DependsOn, ", ")
				}
				view.Bead(p, "  ", l.Nodes[id].Issue, more)
			}
		}
	}
	if len(graphs) == 0 {
		p.Line("No bead is open.")
	}
}
