// Package process starts programs and ends them together with their children.
//
// A program and everything it starts are one group: a session of its own without a
// terminal. When its context ends, the group gets SIGTERM, and after the grace
// SIGKILL. A group that ends by itself may leave a daemon behind; only an ended
// context kills it.
package process

import (
	"context"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// defaultGrace is how long a group that was asked to end may take.
const defaultGrace = 500 * time.Millisecond

// Options say how a group lives. The zero value is usable.
type Options struct {
	// Grace is how long the group has between SIGTERM and SIGKILL, and how long
	// its output is awaited after the program has ended (default 0.5 s).
	Grace time.Duration
	// WithParent: the kernel kills the program when this process dies.
	WithParent bool
	// Started, if any, is called with the program's id as soon as it runs.
	Started func(pid int)
}

// Group is a program under way.
type Group struct {
	done chan struct{}
	err  error // of Wait, once done is closed
}

// Start starts a command that was made with exec.CommandContext of the same
// context. It sets SysProcAttr, Cancel and WaitDelay. The caller must call Wait.
func Start(ctx context.Context, cmd *exec.Cmd, opts Options) (*Group, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if opts.WithParent {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	cmd.Cancel = func() error { return signal(cmd.Process.Pid, syscall.SIGTERM) }
	if cmd.WaitDelay = opts.Grace; opts.Grace <= 0 {
		cmd.WaitDelay = defaultGrace
	}
	g := &Group{done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel ties Pdeathsig to the thread that forks, so this goroutine
		// stays on its thread until the program has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil && opts.Started != nil {
			opts.Started(cmd.Process.Pid)
		}
		started <- err
		if err != nil {
			return
		}
		g.err = cmd.Wait()
		if ctx.Err() != nil {
			// The group is usually gone already, which is no error.
			_ = signal(cmd.Process.Pid, syscall.SIGKILL)
		}
		close(g.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return g, nil
}

// Run is Start and Wait.
func Run(ctx context.Context, cmd *exec.Cmd, opts Options) error {
	g, err := Start(ctx, cmd, opts)
	if err != nil {
		return err
	}
	return g.Wait()
}

// Done is closed when the program has ended.
func (g *Group) Done() <-chan struct{} { return g.done }

// Wait waits for the program to end and returns what exec.Cmd.Wait returned. It
// may be called more than once.
func (g *Group) Wait() error {
	<-g.done
	return g.err
}

// signal sends a signal to every process of a group.
func signal(leader int, sig syscall.Signal) error { return syscall.Kill(-leader, sig) }
