package commands

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync/atomic"
	"time"

	"gastown/deacon/guard"
	"gastown/deacon/invocation"
	"gastown/town"
	"gastown/town/group"
)

// work is one command of one front.
type work struct {
	server         *Server
	conn           *net.UnixConn
	call           Call
	command        Command
	ctx            context.Context
	cancel         context.CancelCauseFunc
	cancelled      *event // ends reads
	gone           *event // ends writes
	reads, writes  *hold
	broken         atomic.Bool
	alone          atomic.Bool // it did not begin, and its front is to run it
	stdin          *stream
	stdout, stderr *stream
}

// Causes that end a command's context.
var (
	errInterrupted = errors.New("interrupted")
	errFrontGone   = errors.New("the front has gone")
)

func (s *Server) newWork(c *net.UnixConn, r *received) (_ *work, err error) {
	w := &work{server: s, conn: c}
	w.ctx, w.cancel = context.WithCancelCause(s.life)
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.cancelled, err = newEvent(); err != nil {
		return nil, err
	}
	if w.gone, err = newEvent(); err != nil {
		return nil, err
	}
	if w.reads, err = newHold(); err != nil {
		return nil, err
	}
	if w.writes, err = newHold(); err != nil {
		return nil, err
	}
	user, process, err := guard.PeerProcess(c)
	if err != nil {
		return nil, err
	}
	w.stdout = &stream{fd: noStream, ended: w.gone, held: w.writes, broken: &w.broken, output: true}
	w.stderr = &stream{fd: noStream, ended: w.gone, held: w.writes, broken: &w.broken}
	w.stdin = &stream{fd: noStream, ended: w.cancelled, held: w.reads, broken: &w.broken}
	w.call = Call{Request: r.Request, Stdin: w.stdin, Stdout: w.stdout, Stderr: w.stderr, User: user, Process: process, Foreign: !guard.Same(user), Files: new(Files)}
	return w, nil
}

// use gives the streams their files, which came with Go, and the command those that it reads
// and writes.
func (w *work) use(r *received) {
	w.stdin.open(r.Stdin)
	w.stdout.open(r.Stdout)
	w.stderr.open(r.Stderr)
	w.call.Files.open(w.command.Files, r.Files)
}

func (w *work) close() {
	w.cancel(nil)
	for _, e := range []*event{w.cancelled, w.gone} {
		if e != nil {
			e.close()
		}
	}
	for _, h := range []*hold{w.reads, w.writes} {
		if h != nil {
			h.close()
		}
	}
}

// run runs the command and tells the front how it ended.
func (w *work) run() {
	stop := context.AfterFunc(w.ctx, w.cancelled.set)
	defer stop()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		watch(w.conn, func() { w.cancel(errInterrupted) }, func(reads, writes bool) {
			w.reads.set(!reads)
			w.writes.set(!writes)
		})
		w.cancel(errFrontGone)
		w.gone.set()
	}()
	s := w.server
	s.running.Add(1)
	ended := make(chan int, 1)
	go func() {
		code := w.contained()
		s.running.Add(-1)
		ended <- code
	}()
	code, abandoned := w.await(ended)
	if abandoned {
		s.abandoned.Add(1)
		s.opts.Log.WithField("command", w.command.Name).Error("a command did not end when it was told to; its front was released")
	}
	end := invocation.Ended{Code: code, BrokenPipe: w.broken.Load(), Alone: w.again(), Written: w.call.Files.written.Load()}
	_ = conclude(w.conn, end) // a front that has gone
	_ = w.conn.Close()
	<-watched
	if abandoned {
		// Its goroutine still has the streams: they are closed when it ends, if ever.
		<-ended
	}
}

// await waits for the end of the command, and no longer than Grace after its
// context has ended.
func (w *work) await(ended <-chan int) (code int, abandoned bool) {
	select {
	case code = <-ended:
		return code, false
	case <-w.ctx.Done():
	}
	select {
	case code = <-ended:
		return code, false
	case <-time.After(w.server.opts.Grace):
		return w.fail(town.Fail(w.command.Name, "gt deacon restart ends it", "%w: the command does not end", town.ErrBusy)), true
	}
}

// again reports whether the front should run the command itself after all: it did
// not begin, or the Deacon cancelled it for want of memory and nothing shows that
// it ever ran.
func (w *work) again() bool {
	if w.call.Foreign { // another user has no access to what the engine would open
		return false
	}
	return w.alone.Load() || errors.Is(context.Cause(w.ctx), errMemory) && (!w.command.Writes || w.command.Repeatable) &&
		!w.stdout.wrote.Load() && !w.stderr.wrote.Load()
}

// contained runs the command when it has a place. A panic is an error.
func (w *work) contained() (code int) {
	s := w.server
	defer func() {
		if p := recover(); p != nil {
			s.opts.Log.WithField("command", w.command.Name).WithField("stack", stack(p)).
				Errorf("a command panicked: %s", town.Clip(fmt.Sprint(p), 300))
			code = w.fail(town.Fail(w.command.Name, "gt deacon logs has the details", "an internal error: %s", town.Clip(fmt.Sprint(p), 300)))
		}
	}()
	came := time.Now()
	say := w.command.Waiting
	if say == nil {
		say = func(string) {}
	}
	leave, err := s.places.enter(w.ctx, w.command.Class, w.command.Wait, say)
	if errors.Is(err, errRate) && !w.call.Foreign {
		w.alone.Store(true)
		return 1
	}
	if err != nil {
		return w.fail(err)
	}
	defer leave()
	began := time.Now()
	forget := s.memory.add(w.cancel)
	defer forget()
	code = w.command.Run(w.ctx)
	took := time.Since(began)
	if w.command.Class == "" {
		took = 0 // it followed something until somebody interrupted it
	}
	s.opts.Done(w.command.Name, code, began.Sub(came), took)
	return code
}

// fail prints an error as the command would. After a cancellation for want of
// memory it prints nothing if the front runs the command again.
func (w *work) fail(err error) int {
	if w.again() {
		return 1
	}
	return w.command.Fail(err)
}

// stack is where a panic began: in another goroutine if a group passed it on.
func stack(p any) string {
	if passed, ok := p.(*group.Panic); ok {
		return string(passed.Stack)
	}
	return string(debug.Stack())
}
