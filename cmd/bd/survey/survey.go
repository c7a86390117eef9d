// Package survey is the commands of bd that look at the whole ledger: count, lint,
// orphans, duplicates, epic, graph, and the words it knows.
package survey

import "gastown/cmd/internal/shell"

// Commands adds the commands to a program.
func Commands(p *shell.Program) {
	p.Add(p, Count())
	p.Add(p, Lint())
	p.Add(p, Orphans())
	p.Add(p, Duplicates())
	p.Add(p, FindDuplicates())
	p.Add(p, Statuses())
	p.Add(p, Types())
	graphs := p.Command("graph", "How beads are linked.").HelpLong(shell.Examples("bd graph gt-a3f8x", "bd graph --all", "bd graph check"))
	p.Add(graphs, Graph())
	p.Add(graphs, GraphCheck())
}

// Epics adds the group bd epic to a program, and returns it.
func Epics(p *shell.Program) shell.Group {
	g := p.Command("epic", "Epics, and how far their children are.").HelpLong(shell.Examples("bd epic status", "bd epic status --eligible-only"))
	p.Add(g, EpicStatus())
	return g
}
