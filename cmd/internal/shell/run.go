package shell

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kingpin/v2"
	"golang.org/x/sys/unix"
)

// privateUmask keeps what a program creates to its owner.
const privateUmask = 0o077

// Process is the frame of a program's main: what it creates is its owner's, and
// the first SIGINT or SIGTERM ends the work in order, the next one at once. run
// gets the working directory, absolute; failed reports that there is none. Both
// return the exit code.
func Process(run func(ctx context.Context, dir string) int, failed func(error) int) int {
	unix.Umask(privateUmask)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	dir, err := os.Getwd()
	if err != nil {
		return failed(err)
	}
	return run(ctx, dir)
}

// Group is what commands are added to: the application or another command.
type Group interface {
	Command(name, help string) *kingpin.CmdClause
}

// Commands are what a program can do.
type Commands []command

// command is a parsed command and what it does.
type command struct {
	clause *kingpin.CmdClause
	run    func(context.Context) error
}

// Add describes a command; examples are shown below its help, one a line.
func (c *Commands) Add(g Group, name, help, examples string, run func(context.Context) error) *kingpin.CmdClause {
	clause := g.Command(name, help).HelpLong(examples)
	*c = append(*c, command{clause, run})
	return clause
}

// Run parses args, which given were made to be, and runs the command they name,
// after begin was told its name. ended is the parser's, as NewParser says. The
// exit code is for a run without an error; one of the parser is a UsageError.
func (c Commands) Run(ctx context.Context, p *kingpin.Application, ended *int, given, args []string, begin func(name string)) (code int, err error) {
	name, err := p.Parse(args)
	switch {
	case *ended == 0:
		return ExitOK, nil
	case *ended > 0:
		return ExitUsage, nil
	case err != nil:
		return ExitUsage, Misused(p, given, err)
	}
	for _, cmd := range c {
		if cmd.clause.FullCommand() == name {
			begin(name)
			return ExitOK, Interrupted(ctx, cmd.run(ctx))
		}
	}
	return ExitOK, nil
}
