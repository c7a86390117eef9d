package dep

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

// The directions of a tree or a list.
const (
	down = "down" // what the bead depends on
	up   = "up"   // what depends on it
	both = "both"
)

// treeOptions are those of bd dep tree.
type treeOptions struct {
	call      *shell.Call
	bead      string
	direction string
	reverse   bool
	depth     int
	status    string
	format    string
}

// nodeFields are what a node of a tree holds. One in another ledger has no dates.
var (
	nodeFields     = append(view.LineFields(), "created_at", "updated_at", "depth", "parent_id", "dependency_type", "truncated")
	externalFields = append(view.LineFields(), "depth", "parent_id", "dependency_type", "truncated")
)

func tree() shell.Command {
	return shell.Command{
		Name: "tree", Help: "Show what a bead depends on, level by level.",
		Examples: []string{
			"bd dep tree gt-a3f8x", "bd dep tree gt-a3f8x --direction both", "bd dep tree gt-a3f8x --max-depth 2 --json",
			"bd dep tree gt-a3f8x --format mermaid",
		},
		Planes: []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &treeOptions{call: call}
			c.Arg("id", "The bead.").Required().PlaceHolder("ID").StringVar(&o.bead)
			c.Flag("reverse", "What depends on it instead.").BoolVar(&o.reverse)
			c.Flag("direction", "down (as usual); up, which is --reverse; or both.").PlaceHolder("WAY").EnumVar(&o.direction, down, up, both)
			shell.Number(c.Flag("max-depth", "How many levels at most; 0 for all.").Short('d').PlaceHolder("N"), &o.depth)
			c.Flag("status", "Only beads in this status, and what leads to them.").PlaceHolder("STATUS").StringVar(&o.status)
			c.Flag("format", "mermaid: a flowchart for Mermaid.").PlaceHolder("FORMAT").EnumVar(&o.format, "mermaid", "text")
			c.Flag("show-all-paths", "Without effect: each bead is expanded once.").Hidden().Bool()
			return o.run
		},
	}
}

func (o *treeOptions) run(ctx context.Context) error {
	op := "show what " + town.Clip(o.bead, 80) + " depends on"
	switch {
	case o.direction == "" && o.reverse:
		o.direction = up
	case o.direction == "":
		o.direction = down
	}
	if o.depth < 0 {
		return session.Fail(op, fmt.Errorf("%w: --max-depth is not negative", town.ErrUsage))
	}
	var above, below []ledger.Node
	err := session.Use(ctx, o.call, func(l *session.Ledger) error {
		return l.FullIDs(ctx, []string{o.bead}, func(ids []string) (err error) {
			if o.direction != down {
				above, err = l.DepTree(ctx, ids[0], true, o.depth)
			}
			if err == nil && o.direction != up {
				below, err = l.DepTree(ctx, ids[0], false, o.depth)
			}
			return err
		})
	})
	if err == nil && o.status != "" {
		var status town.Status
		if status, err = town.StatusWord(o.status); err == nil {
			above, below = leadingTo(above, status), leadingTo(below, status)
		}
	}
	if err != nil {
		return session.Fail(op, err)
	}
	if o.format == "mermaid" {
		return o.mermaid(above, below)
	}
	return o.print(above, below)
}

// print prints what depends on the bead, then what it depends on. The bead itself
// is in both trees and printed once as JSON.
func (o *treeOptions) print(above, below []ledger.Node) error {
	all := above
	if o.direction == both && len(above) > 0 {
		all = above[1:]
	}
	values := []any{}
	for _, n := range slices.Concat(all, below) {
		fields := nodeFields
		if n.CreatedAt.IsZero() {
			fields = externalFields
		}
		values = append(values, view.Pick(n, fields))
	}
	return o.call.Show(values, func(p *term.Printer) {
		for _, part := range []struct {
			name  string
			nodes []ledger.Node
		}{{"What depends on it", above}, {"What it depends on", below}} {
			if o.direction == both && len(part.nodes) > 0 {
				p.Styled(term.Dim, "%s", part.name)
			}
			for _, n := range part.nodes {
				sayNode(p, n)
			}
		}
	})
}

func sayNode(p *term.Printer, n ledger.Node) {
	more := ""
	if n.Depth > 0 {
		more = " (" + string(n.Type) + ")"
	}
	if n.Seen {
		more += " …"
	}
	if n.Title == "" {
		p.Line("%s? %s, not in this ledger%s", strings.Repeat("  ", n.Depth), n.ID, more)
		return
	}
	view.Bead(p, strings.Repeat("  ", n.Depth), n.Bead, more)
}

// leadingTo keeps the nodes in a status and the nodes above them. Nodes are in the
// order in which they are printed.
func leadingTo(nodes []ledger.Node, status town.Status) []ledger.Node {
	var kept []ledger.Node
	depth := -1 // of the kept node whose ancestors are still to come
	for _, n := range slices.Backward(nodes) {
		if n.Status == status || n.Depth < depth {
			kept = append(kept, n)
			depth = n.Depth
		}
	}
	slices.Reverse(kept)
	return kept
}

// mermaid prints the links as a flowchart. An arrow leads from a bead to what it
// depends on.
func (o *treeOptions) mermaid(above, below []ledger.Node) error {
	p := o.call.Printer(o.call.Stdout)
	p.Line("flowchart TD")
	names := map[string]string{}
	name := func(id string) string {
		if names[id] == "" {
			names[id] = fmt.Sprintf("b%d", len(names)+1)
		}
		return names[id]
	}
	quotes := strings.NewReplacer(`"`, "#quot;", "\n", " ", "\r", " ")
	for _, n := range slices.Concat(above, below) {
		if _, known := names[n.ID]; !known {
			p.Line("  %s[\"%s %s: %s\"]", name(n.ID), view.Glyph(n.Status), n.ID, quotes.Replace(n.Title))
		}
	}
	arrow := func(nodes []ledger.Node, format string) {
		for _, n := range nodes {
			if n.Depth > 0 {
				p.Line(format, name(n.Via), name(n.ID))
			}
		}
	}
	arrow(below, "  %s --> %s")
	arrow(above, "  %[2]s --> %[1]s")
	return p.Flush()
}
