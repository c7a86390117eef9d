package cli

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"golang.org/x/sys/unix"

	"gastown/cmd/internal/shell"
	"gastown/sync/federate"
)

// defaultWait is how long a command waits for a lock another process holds.
const defaultWait = 60 * time.Second

// privateUmask keeps what gt creates to its owner.
const privateUmask = 0o077

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

	// What the global flags say.
	town    string
	json    bool
	quiet   bool
	noColor bool
	wait    time.Duration

	// running is the command, as others are told who wait for it.
	running  string
	commands []command

	// plane is what pull, push and sync are about; "" is all. confirmShare asks a
	// person about rules for sharing; nil where nobody can be asked.
	plane        string
	confirmShare func(federate.SharePreview) error
}

// command is a parsed command and what it does.
type command struct {
	clause *kingpin.CmdClause
	run    func(context.Context) error
}

// Main runs gt with the process's own arguments and streams and returns its
// exit code. The first SIGINT or SIGTERM ends the work in order, the next one
// at once.
func Main() int {
	unix.Umask(privateUmask)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	a := &App{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Now: time.Now}
	dir, err := os.Getwd()
	if err != nil {
		return a.report(err)
	}
	a.Dir = dir
	return a.Run(ctx, os.Args[1:])
}

// Run parses the arguments, runs the command they name and returns its exit
// code. An App runs once.
func (a *App) Run(ctx context.Context, args []string) int {
	parser, ended := a.parser()
	name, err := parser.Parse(rewrite(args))
	switch {
	case *ended == 0:
		return exitOK
	case *ended > 0:
		return exitUsage
	case err != nil:
		return a.report(shell.Misused(parser, args, err))
	}
	for _, c := range a.commands {
		if c.clause.FullCommand() == name {
			a.running = "gt " + name
			return a.report(shell.Interrupted(ctx, c.run(ctx)))
		}
	}
	return exitOK
}

// parser describes every command. ended is the exit code of a parse that was
// the whole run (--help, --version), and negative otherwise.
func (a *App) parser() (_ *kingpin.Application, ended *int) {
	// An argument such as @x is a name here, not a file of arguments.
	kingpin.EnableFileExpansion = false
	code := -1
	p := kingpin.New("gt", "Run a Town, and share its roles, formulas and templates with other Towns through a Git repository.")
	p.Terminate(func(status int) {
		if code < 0 {
			code = status
		}
	})
	p.UsageWriter(a.Stdout)
	p.ErrorWriter(a.Stderr)
	p.UsageTemplate(shell.UsageTemplate)
	shell.VersionFlag(p, "gt "+version, a.Stdout, &code)
	p.HelpFlag.Short('h')
	p.Flag("town", "The Town's directory (default: the nearest Town at or above the working directory).").
		PlaceHolder("DIR").Envar("GT_ROOT").StringVar(&a.town)
	p.Flag("json", "Print results as JSON.").BoolVar(&a.json)
	p.Flag("quiet", "Print no summaries; errors and what was asked for are still printed.").Short('q').BoolVar(&a.quiet)
	p.Flag("no-color", "Never use colours (so does NO_COLOR).").BoolVar(&a.noColor)
	p.Flag("wait", "How long to wait while another process has the Town.").
		Default(defaultWait.String()).PlaceHolder("DURATION").DurationVar(&a.wait)
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
	a.configureConfig(p)
	a.configureCompletion(p)
	a.configureVersion(p)
	return p, &code
}

// group is what commands are added to: the application or another command.
type group interface {
	Command(name, help string) *kingpin.CmdClause
}

// add describes a command; examples are shown below its help, one a line.
func (a *App) add(g group, name, help, examples string, run func(context.Context) error) *kingpin.CmdClause {
	c := g.Command(name, help).HelpLong(examples)
	a.commands = append(a.commands, command{c, run})
	return c
}
