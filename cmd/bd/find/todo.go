package find

import (
	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
	"gastown/town"
)

// Todo adds the group bd todo to a program, and returns it.
func Todo(p *shell.Program) shell.Group {
	g := p.Command("todo", "Tasks, as a to-do list.").HelpLong(shell.Examples("bd todo", "bd todo add Buy milk", "bd todo done gt-a3f8x"))
	p.Add(g, narrowed("list", "List the tasks that are not closed.", []string{"bd todo", "bd todo list --all --json"},
		ledger.Filter{Types: []town.BeadType{town.TypeTask}}))
	return g
}
