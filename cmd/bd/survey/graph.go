package survey

import (
	"context"
	"fmt"
	"slices"
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
	call    *shell.Call
	id      string
	all     bool
	compact bool
	box     bool
	dot     bool
}

// graph is beads that links connect.
type graph struct {
	Root         town.Bead
	Issues       []town.Bead
	Dependencies []town.Dependency
}

// node is a bead in a layout. A bead depends on beads of smaller layers only.
type node struct {
	Issue     town.Bead
	Layer     int
	Position  int
	DependsOn []string
}

// arrangement is a graph as layers of ids.
type arrangement struct {
	Nodes    map[string]*node
	Layers   [][]string
	MaxLayer int
	RootID   string
}

// Graph is bd graph.
func Graph() shell.Command {
	return shell.Command{
		Name: "show", Default: true, Help: "Show the beads that links connect with one, in layers: what can begin, then what waits for that.",
		Examples: []string{"bd graph gt-a3f8x", "bd graph --all", "bd graph gt-a3f8x --dot | dot -Tsvg > graph.svg", "bd graph gt-a3f8x --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &graphOptions{call: call}
			c.Arg("id", "The bead.").PlaceHolder("ID").StringVar(&o.id)
			c.Flag("all", "Every group of beads that are not closed.").BoolVar(&o.all)
			c.Flag("compact", "One line a bead: what is usual.").BoolVar(&o.compact)
			c.Flag("box", "The layers under headings: what is usual.").Hidden().BoolVar(&o.box)
			c.Flag("dot", "As a graph for Graphviz.").BoolVar(&o.dot)
			return o.run
		},
	}
}

func (o *graphOptions) run(ctx context.Context) error {
	const op = "show how beads are linked"
	if o.all == (o.id != "") {
		return session.Fail(op, fmt.Errorf("%w: give the id of a bead, or --all", town.ErrUsage))
	}
	var graphs []graph
	err := session.Use(ctx, o.call, func(l *session.Ledger) (err error) {
		if o.all {
			graphs, err = openGraphs(ctx, l)
			return err
		}
		g, err := graphOf(ctx, l, o.id)
		graphs = []graph{g}
		return err
	})
	if err != nil {
		return session.Fail(op, err)
	}
	if o.call.JSON && o.all {
		return o.call.Show(graphs, nil)
	}
	if o.call.JSON {
		g := graphs[0]
		return o.call.Show(struct {
			Root   town.Bead    `json:"root"`
			Issues []town.Bead  `json:"issues"`
			Layout *arrangement `json:"layout"`
		}{g.Root, g.Issues, arrange(g)}, nil)
	}
	p := o.call.Printer(o.call.Stdout)
	if o.dot {
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
		return p.Flush()
	}
	for i, g := range graphs {
		if i > 0 {
			p.Line("")
		}
		sayGraph(p, arrange(g))
	}
	if len(graphs) == 0 {
		p.Line("No bead is open.")
	}
	return p.Flush()
}

func sayGraph(p *term.Printer, a *arrangement) {
	for depth, layer := range a.Layers {
		p.Styled(term.Dim, "layer %d", depth)
		for _, id := range layer {
			more := ""
			if n := a.Nodes[id]; len(n.DependsOn) > 0 {
				more = "  <- " + strings.Join(n.DependsOn, ", ")
			}
			view.Bead(p, "  ", a.Nodes[id].Issue, more)
		}
	}
}

// graphOf reads the beads that links connect with one, in three queries.
func graphOf(ctx context.Context, l *session.Ledger, ref string) (graph, error) {
	ids, err := l.Resolve(ctx, []string{ref})
	if err != nil {
		return graph{}, err
	}
	links, err := l.Links(ctx)
	if err != nil {
		return graph{}, err
	}
	details, err := l.Existing(ctx, ledger.Connected(links, ids[0]), view.LineFields())
	if err != nil || len(details) == 0 {
		return graph{}, err
	}
	var g graph
	for _, d := range details {
		g.Issues = append(g.Issues, d.Bead)
	}
	g.Root = g.Issues[0]
	g.Dependencies = ledger.Between(links, idsOf(g.Issues))
	return g, nil
}

// openGraphs reads the beads that are not closed, in groups, the largest first. It
// takes two queries.
func openGraphs(ctx context.Context, l *session.Ledger) ([]graph, error) {
	beads := map[string]town.Bead{}
	var order []string
	open := ledger.Filter{Not: []town.Status{town.StatusClosed}, Fields: view.LineFields()}
	err := l.List(ctx, open, func(i ledger.Item) error {
		beads[i.ID] = i.Bead
		order = append(order, i.ID)
		return nil
	})
	if err != nil {
		return nil, err
	}
	links, err := l.Links(ctx)
	if err != nil {
		return nil, err
	}
	links = ledger.Between(links, order)
	graphs := []graph{}
	group := map[string]int{}
	for _, ids := range ledger.Groups(links, order) {
		var g graph
		for _, id := range ids {
			group[id] = len(graphs)
			g.Issues = append(g.Issues, beads[id])
		}
		g.Root, g.Dependencies = rootOf(g.Issues), []town.Dependency{}
		graphs = append(graphs, g)
	}
	for _, link := range links {
		g := &graphs[group[link.Bead]]
		g.Dependencies = append(g.Dependencies, link)
	}
	slices.SortStableFunc(graphs, func(a, b graph) int { return len(b.Issues) - len(a.Issues) })
	return graphs, nil
}

// rootOf chooses the bead that stands for a group: an epic, else the most urgent.
func rootOf(beads []town.Bead) town.Bead {
	return slices.MinFunc(beads, func(a, b town.Bead) int {
		if epic := a.Type == town.TypeEpic; epic != (b.Type == town.TypeEpic) {
			if epic {
				return -1
			}
			return 1
		}
		return a.Priority - b.Priority
	})
}

func idsOf(beads []town.Bead) (ids []string) {
	for _, b := range beads {
		ids = append(ids, b.ID)
	}
	return ids
}

// arrange puts each bead into the layer after those of all it waits for. Beads that
// wait for each other are in the last layer.
func arrange(g graph) *arrangement {
	a := &arrangement{Nodes: map[string]*node{}, RootID: g.Root.ID}
	waits, needed := map[string]int{}, map[string][]string{}
	for _, b := range g.Issues {
		a.Nodes[b.ID] = &node{Issue: b, DependsOn: []string{}}
	}
	for _, l := range g.Dependencies {
		if l.Type == town.DepBlocks {
			a.Nodes[l.Bead].DependsOn = append(a.Nodes[l.Bead].DependsOn, l.Target)
			needed[l.Target] = append(needed[l.Target], l.Bead)
			waits[l.Bead]++
		}
	}
	var layer []string
	for _, b := range g.Issues {
		if waits[b.ID] == 0 {
			layer = append(layer, b.ID)
		}
	}
	placed := 0
	for len(layer) > 0 {
		var next []string
		for position, id := range layer {
			a.Nodes[id].Layer, a.Nodes[id].Position = len(a.Layers), position
			for _, other := range needed[id] {
				if waits[other]--; waits[other] == 0 {
					next = append(next, other)
				}
			}
		}
		a.Layers, placed = append(a.Layers, layer), placed+len(layer)
		if layer = next; len(layer) == 0 && placed < len(g.Issues) {
			for _, b := range g.Issues {
				if waits[b.ID] > 0 {
					layer, waits[b.ID] = append(layer, b.ID), 0
				}
			}
			needed = nil
		}
	}
	if len(a.Layers) == 0 && placed < len(g.Issues) {
		a.Layers = [][]string{idsOf(g.Issues)}
	}
	a.MaxLayer = len(a.Layers) - 1
	return a
}
