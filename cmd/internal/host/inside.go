package host

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"gastown/cmd/internal/shell"
	"gastown/deacon/commands"
	"gastown/town"
)

// Inside is how the Deacon runs the commands of fronts: with the same code as in a
// process of their own, with what the call brings, and with the stores that the
// Deacon lends.
func Inside(programs shell.Programs, lend shell.Resident, gate shell.Gate) func(commands.Call) commands.Command {
	return func(c commands.Call) commands.Command {
		i := &shell.Invocation{
			Program: c.Program, Args: c.Args, Dir: c.Dir, Env: c.Env, Stdin: c.Stdin, Stdout: c.Stdout, Stderr: c.Stderr,
			Umask: fs.FileMode(c.Umask), User: c.User, Process: c.Process, Self: c.Self, Now: time.Now, Programs: programs, Resident: lend, Gate: gate,
		}
		p, ok := programs.Prepare(i)
		if !ok {
			return commands.Command{Alone: true} // the engine reports what is wrong
		}
		class := c.Program
		if p.Endless {
			class = "" // which has no bound: enough of them would keep all others out for good
		}
		return commands.Command{
			Name: p.Name, Town: p.Town, Class: class, Alone: p.Alone,
			Writes: p.Command.Writes, Repeatable: p.Command.Repeatable, Wait: p.Wait(),
			Waiting: func(what string) { p.Hint("%s waits for the Deacon: %s", c.Program, what) },
			Run:     p.Run,
			Fail:    func(err error) int { return p.Fail(told(err)) },
		}
	}
}

// told explains why a command that waited for its turn did not run.
func told(err error) error {
	if errors.Is(err, context.Canceled) || !errors.Is(err, town.ErrBusy) && town.Next(err) == "" {
		return shell.Stopped()
	}
	return err
}
