package host

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"gastown/cmd/internal/shell"
	"gastown/deacon/commands"
	"gastown/town"
	"gastown/town/layout"
)

// Insider runs the commands of fronts inside the Deacon: with the same code as in a process
// of their own, with what the call brings, and with the stores that the Deacon lends.
type Insider struct {
	// Own is the Deacon's own call, whose surroundings the commands of other users have.
	Own  *shell.Call
	Town layout.Town
	Lend shell.Resident
	Gate shell.Gate
}

// Prepare understands a call of a front.
func (in Insider) Prepare(c commands.Call) commands.Command {
	i := &shell.Invocation{
		Program: c.Program, Args: c.Args, Dir: c.Dir, Env: c.Env, Stdin: c.Stdin, Stdout: c.Stdout, Stderr: c.Stderr,
		Umask: fs.FileMode(c.Umask), User: c.User, Process: c.Process, Self: c.Self, Now: time.Now, Programs: in.Own.Programs,
		Resident: in.Lend, Gate: in.Gate, Passed: c.Files,
	}
	if c.Foreign {
		in.enclose(i)
	}
	p, ok := in.Own.Programs.Prepare(i)
	if !ok {
		return commands.Command{Alone: true} // the engine reports what is wrong
	}
	class := c.Program
	if p.Endless {
		class = "" // which has no bound: enough of them would keep all others out for good
	}
	out := commands.Command{
		Name: p.Name, Town: p.Town, Class: class, Alone: p.Alone,
		Writes: p.Command.Writes, Repeatable: p.Command.Repeatable, Wait: p.Wait(),
		Waiting: func(what string) { p.Hint("%s waits for the Deacon: %s", c.Program, what) },
		Run:     p.Run,
		Fail:    func(err error) int { return p.Fail(told(err)) },
	}
	if c.Foreign {
		foreign(&out, p)
	}
	return out
}

// told explains why a command that waited for its turn did not run.
func told(err error) error {
	if errors.Is(err, context.Canceled) || !errors.Is(err, town.ErrBusy) && town.Next(err) == "" {
		return shell.Stopped()
	}
	return err
}
