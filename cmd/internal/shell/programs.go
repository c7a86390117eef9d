package shell

import (
	"context"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// privateUmask keeps what a program creates to its owner.
const privateUmask = 0o077

// Programs are those of the engine, by name.
type Programs map[string]func(*Invocation) *Program

// Prepare parses an invocation's arguments. ok is false when it names no program
// there is.
func (p Programs) Prepare(i *Invocation) (prepared *Prepared, ok bool) {
	program, ok := p[i.Program]
	if !ok {
		return nil, false
	}
	return program(i).Prepare(), true
}

// Run runs an invocation in a process of its own and returns the exit code. Files
// the process creates belong to its owner alone. The first SIGINT or SIGTERM ends
// the command in order, the next one at once.
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
