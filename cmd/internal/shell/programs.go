package shell

import (
	"context"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// privateUmask makes the files that a program creates private to its owner.
const privateUmask = 0o077

// Programs are the engine's programs, by name.
type Programs map[string]func(*Invocation) *Program

// Prepare parses an invocation's arguments. ok is false when it names an unknown
// program.
func (p Programs) Prepare(i *Invocation) (prepared *Prepared, ok bool) {
	program, ok := p[i.Program]
	if !ok {
		return nil, false
	}
	return program(i).Prepare(), true
}

// Run runs an invocation in its own process and returns the exit code. Files that
// the process creates are private to their owner. The first SIGINT or SIGTERM
// cancels the command; the next one ends the process at once.
func (p Programs) Run(i *Invocation) int {
	unix.Umask(privateUmask)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	i.Programs = p
	prepared, ok := p.Prepare(i)
	if !ok {
		return ExitUsage
	}
	return prepared.Run(ctx)
}
