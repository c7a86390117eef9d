package shell

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"gastown/deacon/invocation"
	"gastown/town"
)

// Prepared is an invocation whose arguments were parsed. Nothing has run or been
// printed yet.
type Prepared struct {
	// Name is the full name of the command, such as "gt federation push".
	Name string
	// Command is the table's entry; the zero value if the arguments name none.
	Command Command
	// Alone says that the command needs its own process.
	Alone bool
	// Endless says that the command goes on until a person interrupts it.
	Endless bool
	// Files are those that the front of another user opens for the command.
	Files []invocation.File
	// Town is the root of the command's Town; "" when it needs none or none was
	// found.
	Town string

	program *Program
	// unparsed says that the parser itself answers, when Run is called.
	unparsed bool
	action   Action
	printed  []byte
	code     int
	err      error
}

// Prepare parses the invocation's arguments.
func (p *Program) Prepare() *Prepared {
	args := p.args
	switch {
	case len(args) == 1 && args[0] == manFlag:
		p.writeMan(&p.printed)
		return &Prepared{Name: p.Name, program: p, printed: p.printed.Bytes()}
	case answersItself(args):
		return &Prepared{Name: p.Name, Alone: true, program: p, unparsed: true}
	}
	args, err := p.normal(args)
	if err != nil {
		return &Prepared{Name: p.Name, program: p, err: err}
	}
	p.args = args
	name, err := p.Parse(args)
	out := &Prepared{Name: p.Name, program: p, printed: p.text()}
	switch {
	case p.ended == 0:
		return out
	case p.ended > 0:
		out.code = ExitUsage
		return out
	case err != nil:
		out.err = Misused(p.Application, args, err)
		return out
	}
	e := p.commands[name]
	out.Name += " " + name
	p.call.Name = out.Name
	if e.Default { // the group's name means it
		p.call.Name = strings.TrimSuffix(out.Name, " "+e.Name)
	}
	out.Command = e.Command
	names := sync.OnceValue(func() map[string]bool { return p.given(args) })
	given := func(name string) bool { return names()[name] }
	if !e.Writes && slices.ContainsFunc(e.WritesWith, given) {
		out.Command.Writes, out.Command.Repeatable = true, false
		if e.WritePermission != "" {
			out.Command.Permission = e.WritePermission
		}
	}
	if out.err = p.refuseEmpty(args, e.Command, out.Command.Writes); out.err != nil {
		return out
	}
	if p.call.Foreign {
		if out.Files, out.err = p.foreign(args, e.Command); out.err != nil {
			return out
		}
	}
	dry := p.call.ReadOnly && out.Command.Writes && slices.ContainsFunc(e.DryWith, given)
	if out.err = p.call.settle(out.Command, dry); out.err != nil {
		return out
	}
	out.action = e.action
	out.Alone = e.Alone || slices.ContainsFunc(e.AloneWith, given)
	out.Endless = slices.ContainsFunc(e.EndlessWith, given)
	if !e.NoTown {
		if t, err := p.call.FindTown(); err == nil {
			out.Town = t.Root
		}
	}
	return out
}

// text is what the parser had printed when it ended the run.
func (p *Program) text() []byte {
	if p.ended >= 0 && p.endedAt > 0 {
		return p.printed.Bytes()[:p.endedAt]
	}
	return p.printed.Bytes()
}

// answersItself reports whether arguments ask the parser for completions or long
// help. The library prints those on its process's standard output, so they are
// parsed in Run, in a process of their own.
func answersItself(args []string) bool {
	for _, arg := range args {
		switch {
		case arg == "--":
			return false
		case strings.HasPrefix(arg, "--completion-"), strings.HasPrefix(arg, "--help-"):
			return true
		}
	}
	return false
}

// Refused reports whether the arguments ask for what a rule forbids. Run says which.
func (r *Prepared) Refused() bool { return errors.Is(r.err, town.ErrRefused) }

// Wait is how long the command waits for locks of other processes.
func (r *Prepared) Wait() time.Duration { return r.program.call.Wait }

// Run runs the command and returns the exit code.
func (r *Prepared) Run(ctx context.Context) int {
	c := r.program.call
	if r.unparsed {
		if _, err := r.program.Parse(r.program.args); err != nil && r.program.ended < 0 {
			return c.Report(Misused(r.program.Application, c.Args, err))
		}
		r.printed = r.program.text()
	}
	if len(r.printed) > 0 { // some devices refuse even an empty write
		if _, err := c.Stdout.Write(r.printed); err != nil {
			return c.Report(err)
		}
	}
	if r.action == nil {
		if r.err == nil {
			return c.exitCode(r.code)
		}
		if r.program.call.traits.ErrorsOnStdout {
			c.JSON = c.JSON || wantsJSON(c.Args)
		}
		return c.Report(r.err)
	}
	if c.Gate != nil {
		if err := c.Gate.Check(ctx, c, r); err != nil {
			return c.Report(err)
		}
	}
	if !r.Endless {
		c.beginProgress()
		// Also after a panic, which the Deacon survives.
		defer c.progress.Close()
	}
	err := Interrupted(ctx, r.action(ctx))
	c.progress.Clear()
	return c.Report(err)
}

// Hint prints additional information for people.
func (r *Prepared) Hint(format string, args ...any) { r.program.call.Hint(format, args...) }

// Fail reports that the command could not run and returns the exit code.
func (r *Prepared) Fail(err error) int { return r.program.call.Report(err) }

// wantsJSON looks for --json in arguments that could not be parsed.
func wantsJSON(args []string) (wants bool) {
	for _, arg := range args {
		switch {
		case arg == "--":
			return wants
		case arg == "--json":
			wants = true
		case strings.HasPrefix(arg, "--json="):
			set, err := strconv.ParseBool(strings.TrimPrefix(arg, "--json="))
			wants = set && err == nil
		}
	}
	return wants
}
