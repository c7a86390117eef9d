package view

import (
	"strconv"

	"gastown/cmd/internal/term"
	"gastown/town"
)

// Dot prints beads and the links between them as a graph for Graphviz. An arrow
// leads from a bead to what it depends on.
func Dot(p *term.Printer, ids []string, titles map[string]string, links []town.Dependency) {
	p.Line("digraph beads {")
	p.Line("  rankdir=LR;")
	p.Line("  node [shape=box];")
	for _, id := range ids {
		p.Line("  %s [label=%s];", strconv.Quote(id), strconv.Quote(id+"\n"+term.Clean(titles[id])))
	}
	for _, l := range links {
		p.Line("  %s -> %s [label=%s];", strconv.Quote(l.Bead), strconv.Quote(l.Target), strconv.Quote(string(l.Type)))
	}
	p.Line("}")
}
