package find

import (
	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
	"gastown/town"
)

// Todo adds the group bd todo to a program.
func Todo(p *shell.Program) {
	g := p.Command("todo", "Tasks, as a to-do list.").HelpLong(shell.Examples("bd todo", "bd todo list --all"))
	p.Add(g, narrowed("list", "List the tasks that are not closed.", []string{"bd todo", "bd todo list --all --json"},
		ledger.Filter{Types: []town.BeadType{town.TypeTask}}))
}
