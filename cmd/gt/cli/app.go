package cli

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/sync/records"
)

// App is one run of gt.
type App struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Dir is the working directory, absolute.
	Dir    string
	Getenv func(string) string
	Now    func() time.Time
	// Self is the path of gt, for hooks to start it; empty to find it out.
	Self string

	shell.Globals

	// running is the command, as others are told who wait for it.
	running  string
	commands shell.Commands

	// plane is what pull, push and sync are about; "" is all. confirmShare asks a
	// person about rules for sharing; nil where nobody can be asked.
	plane        string
	confirmShare func(records.Preview) error
}

// Main runs gt with the process's own arguments and streams and returns its
// exit code; see shell.Process.
func Main() int {
	a := &App{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Now: time.Now}
	return shell.Process(func(ctx context.Context, dir string) int {
		a.Dir = dir
		return a.Run(ctx, os.Args[1:])
	}, a.report)
}

// Run parses the arguments, runs the command they name and returns its exit
// code. An App runs once.
func (a *App) Run(ctx context.Context, args []string) int {
	parser, ended := a.parser()
	code, err := a.commands.Run(ctx, parser, ended, args, rewrite(args), func(name string) { a.running = "gt " + name })
	if err == nil {
		return code
	}
	return a.report(err)
}

// parser describes every command.
func (a *App) parser() (_ *kingpin.Application, ended *int) {
	p, ended := shell.NewParser("gt", "Run a Town, and share its roles, formulas and templates with other Towns through a Git repository.",
		version, a.Stdout, a.Stderr, &a.Globals)
	p.UsageFuncs(shell.UsageFuncs(p))

	a.configureInstall(p)
	fed := p.Command("federation", "Share roles, formulas and templates with other Towns.").Alias("fed").HelpLong(examples(
		"gt federation init git@example.com:town.git    # the first Town", "gt federation join git@example.com:town.git    # every other Town",
		"gt federation status                           # what is edited, what is new", "gt federation sync                             # exchange"))
	a.configureStatus(fed)
	a.configureExchange(fed)
	a.configureFound(fed)
	a.configureCommit(fed)
	a.configureDiff(fed)
	a.configureConflicts(fed)
	a.configureHistory(fed)
	a.configureTowns(fed)
	a.configureShare(fed)
	a.configureRemote(fed)
	a.configureHooks(p)
	a.configureDoctor(p)
	a.configureDeacon(p)
	a.configureCache(p)
	a.configureFeed(p)
	a.configureConfig(p)
	a.configureCompletion(p)
	a.configureVersion(p)
	return p, ended
}

// add describes a command; examples are shown below its help, one a line.
func (a *App) add(g shell.Group, name, help, examples string, run func(context.Context) error) *kingpin.CmdClause {
	return a.commands.Add(g, name, help, examples, run)
}
