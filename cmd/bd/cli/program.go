package cli

import (
	"strings"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town/layout"
)

// version is what this bd is; a release sets it at build time with
// -ldflags "-X gastown/cmd/bd/cli.version=...".
var version = "0.1.0-dev"

// actorEnv is the variable beside --actor.
const actorEnv = "BD_ACTOR"

// What a command's user must be allowed to do.
const (
	canRead        = "ledger:read"
	canWrite       = "ledger:write"
	canManage      = "ledger:admin"
	canReadConfig  = "config:read"
	canWriteConfig = "config:write"
	canReadTown    = "town:read"
)

// ledgerPlane is the one plane that commands of bd use.
var ledgerPlane = []string{layout.Ledger}

// group is a command that only holds others.
type group struct {
	name, alias, help string
	examples          []string
	commands          []shell.Command
}

// Program is the parser of one invocation of bd with all its commands.
func Program(i *shell.Invocation) *shell.Program {
	p := shell.NewProgram(shell.Traits{
		Name: "bd", Help: "The ledger of a Town's work: make, find, change and link beads.", Version: version,
		Rewrite: shell.ReadDash, ErrorsOnStdout: true,
	}, i)
	p.Flag("actor", "Who does this (default: BD_ACTOR, git's author, the Town's configuration, the login).").
		PlaceHolder("NAME").Default(i.Getenv(actorEnv)).StringVar(&p.Call().ActorName)
	p.Begin()

	p.Add(p, createCommand())
	p.Add(p, showCommand())
	p.Add(p, listCommand())
	p.Add(p, updateCommand())
	p.Add(p, closeCommand())
	p.Add(p, reopenCommand())
	p.Add(p, readyCommand())
	p.Add(p, blockedCommand())
	addGroup(p, depGroup())
	addGroup(p, labelGroup())
	addGroup(p, commentGroup())
	p.Add(p, searchCommand())
	p.Add(p, deleteCommand())
	p.Add(p, restoreCommand())
	p.Add(p, importCommand())
	p.Add(p, exportCommand())
	p.Add(p, historyCommand())
	p.Add(p, statsCommand())
	p.Add(p, doctorCommand())
	addGroup(p, configGroup())
	p.Add(p, completionCommand())
	p.Add(p, versionCommand())
	return p
}

func addGroup(p *shell.Program, g group) {
	clause := p.Command(g.name, g.help).HelpLong(shell.Examples(g.examples...))
	if g.alias != "" {
		clause.Alias(g.alias)
	}
	for _, c := range g.commands {
		p.Add(clause, c)
	}
}

// Main runs bd in a process of its own and returns its exit code.
func Main() int { return shell.Main("bd", Program) }

// summary is shell.Call.Summary for a change that was made: if nobody can be told
// of it, it must not be made again.
func summary(call *shell.Call, value any, say func(*term.Printer)) error {
	return shell.ErrAppliedUnprinted(call.Summary(value, say))
}

// split takes several values of one flag apart: each may hold some, separated
// by commas.
func split(values []string) []string {
	var all []string
	for _, v := range values {
		for word := range strings.SplitSeq(v, ",") {
			if word = strings.TrimSpace(word); word != "" {
				all = append(all, word)
			}
		}
	}
	return all
}
