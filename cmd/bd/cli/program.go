package cli

import (
	describe "gastown/cmd/bd/about"
	"gastown/cmd/bd/begin"
	"gastown/cmd/bd/change"
	"gastown/cmd/bd/comment"
	"gastown/cmd/bd/config"
	"gastown/cmd/bd/dep"
	"gastown/cmd/bd/doctor"
	"gastown/cmd/bd/elsewhere"
	"gastown/cmd/bd/exchange"
	"gastown/cmd/bd/find"
	"gastown/cmd/bd/kv"
	"gastown/cmd/bd/label"
	"gastown/cmd/bd/memory"
	"gastown/cmd/bd/prime"
	"gastown/cmd/bd/setup"
	"gastown/cmd/bd/survey"
	"gastown/cmd/bd/transfer"
	"gastown/cmd/internal/about"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/version"
)

// Program describes bd for one invocation: its parser and its table of commands.
func Program(i *shell.Invocation) *shell.Program {
	p := shell.NewProgram(shell.Traits{
		Name: "bd", Help: help(), Version: version.Number, Ignored: ignored, UsageExit: usageExit, ErrorsOnStdout: true,
		Rewrite: rewrite, Footer: elsewhere.Footer(), Schema: schema, EnvTown: envTown,
	}, i)
	programFlags(p, i)
	p.Begin()

	p.Add(p, change.Create())
	p.Add(p, change.Quick())
	p.Add(p, find.Show())
	p.Add(p, find.List())
	p.Add(p, change.Update())
	p.Add(p, change.Close())
	p.Add(p, change.Reopen())
	p.Add(p, change.Unclaim())
	p.Add(p, change.Note())
	p.Add(p, change.Assign())
	p.Add(p, change.Priority())
	p.Add(p, change.Tag())
	p.Add(p, dep.Link())
	p.Add(p, change.Edit())
	p.Add(p, change.Duplicate())
	p.Add(p, change.Supersede())
	p.Add(p, change.Batch())
	p.Add(p, change.RenamePrefix())
	p.Add(p, change.Defer())
	p.Add(p, change.Undefer())
	p.Add(p, find.Ready())
	p.Add(p, find.Blocked())
	dep.Commands(p)
	label.Commands(p)
	comment.Commands(p)
	p.Add(p, find.Search())
	p.Add(p, find.Query())
	p.Add(p, find.Children())
	p.Add(p, find.Stale())
	p.Add(p, change.Delete())
	p.Add(p, change.Restore())
	p.Add(p, transfer.Import())
	p.Add(p, transfer.Export())
	p.Add(p, find.History())
	p.Add(p, find.Stats())
	survey.Commands(p)
	p.Add(survey.Epics(p), survey.CloseEligible())
	find.State(p)
	p.Add(p, change.SetState())
	todo := find.Todo(p)
	p.Add(todo, change.TodoAdd())
	p.Add(todo, change.TodoDone())
	human := find.Human(p)
	p.Add(human, change.HumanRespond())
	p.Add(human, change.HumanDismiss())
	p.Add(p, doctor.Command())
	memory.Commands(p)
	kv.Commands(p)
	config.Commands(p)
	p.Add(p, prime.Command())
	p.Add(p, setup.Command())
	p.Add(p, setup.Onboard())
	begin.Commands(p)
	exchange.Commands(p)
	elsewhere.Commands(p)
	p.Add(p, describe.Where())
	p.Add(p, describe.Info())
	p.Add(p, describe.Ping())
	p.Add(p, describe.Context())
	p.Add(p, about.Completion("bd"))
	p.Add(p, describe.Version())
	return p
}
