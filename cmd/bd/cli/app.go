package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
)

// version is what this bd is; a release sets it at build time with
// -ldflags "-X gastown/cmd/bd/cli.version=...".
var version = "0.1.0-dev"

// App is one run of bd.
type App struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Dir is the working directory, absolute.
	Dir    string
	Getenv func(string) string
	Now    func() time.Time

	shell.Globals
	// actor is who changes are recorded under; empty for the usual.
	actor string

	// running is the command, as others are told who wait for it.
	running  string
	commands shell.Commands
}

// Main runs bd with the process's own arguments and streams and returns its
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
	code, err := a.commands.Run(ctx, parser, ended, args, shell.ReadDash(args), func(name string) { a.running = "bd " + name })
	if err == nil {
		return code
	}
	if _, misused := errors.AsType[shell.UsageError](err); misused {
		a.JSON = a.JSON || wantsJSON(args)
	}
	return a.report(err)
}

// wantsJSON looks at arguments that could not be parsed.
func wantsJSON(args []string) bool {
	for _, arg := range args {
		if arg == "--" {
			return false
		}
		if arg == "--json" {
			return true
		}
	}
	return false
}

// parser describes every command.
func (a *App) parser() (_ *kingpin.Application, ended *int) {
	p, ended := shell.NewParser("bd", "The ledger of a Town's work: make, find, change and link beads.",
		version, a.Stdout, a.Stderr, &a.Globals)
	p.Flag("actor", "Who does this (default: git's author, the Town's configuration, the login).").
		PlaceHolder("NAME").Envar("BD_ACTOR").StringVar(&a.actor)
	p.UsageFuncs(shell.UsageFuncs(p))

	a.configureCreate(p)
	a.configureShow(p)
	a.configureList(p)
	a.configureUpdate(p)
	a.configureClose(p)
	a.configureReady(p)
	a.configureDep(p)
	a.configureLabel(p)
	a.configureComment(p)
	a.configureSearch(p)
	a.configureDelete(p)
	a.configureImport(p)
	a.configureExport(p)
	a.configureHistory(p)
	a.configureStats(p)
	a.configureDoctor(p)
	a.configureConfig(p)
	a.configureCompletion(p)
	a.configureVersion(p)
	return p, ended
}

// add describes a command; examples are shown below its help, one a line.
func (a *App) add(g shell.Group, name, help, examples string, run func(context.Context) error) *kingpin.CmdClause {
	return a.commands.Add(g, name, help, examples, run)
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
