package commands

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"gastown/deacon/guard"
	"gastown/deacon/invocation"
	"gastown/town"
	"gastown/town/socket"
)

// Reasons why a connection is not served, for Options.Refused.
const (
	RefusedPeer      = guard.Peer
	RefusedCrowded   = guard.Crowded
	RefusedMalformed = guard.Malformed
)

// Server runs commands for fronts. Close ends it.
type Server struct {
	opts   Options
	listen Acceptor
	life   context.Context
	end    context.CancelCauseFunc
	served sync.WaitGroup // the accept loop and each connection
	failed chan error
	places *places
	memory *memory
	room   *socket.Room

	foreign   atomic.Int64 // connections of other users
	running   atomic.Int64
	abandoned atomic.Int64
}

// errStopping ends the commands under way when the Deacon stops.
var errStopping = town.Fail("run the command", "run it again: it continues where it stopped",
	"%w: the Deacon stops; every change that was made is complete, and none was made in part", town.ErrBusy)

// Acceptor accepts the connections of fronts.
type Acceptor interface {
	AcceptUnix() (*net.UnixConn, error)
	Close() error
}

// Serve runs the commands of fronts that connect to l, which it closes in the end.
func Serve(l Acceptor, o Options) *Server {
	o.defaults()
	s := &Server{opts: o, listen: l, failed: make(chan error, 1), places: newPlaces(o.Limits)}
	s.life, s.end = context.WithCancelCause(context.Background())
	s.room = socket.NewRoom(maxConnections, func() { o.Refused(RefusedCrowded) })
	s.memory = newMemory(o.Memory, o.used)
	s.served.Go(s.accept)
	s.served.Go(func() { s.memory.watch(s.life) })
	return s
}

// Failed tells when the listener fails for good.
func (s *Server) Failed() <-chan error { return s.failed }

// SetLimits replaces the limits. Commands that run go on.
func (s *Server) SetLimits(l Limits) { s.places.set(l) }

// Running is how many commands are under way, and Abandoned how many of all that
// ever ran did not end when they should have.
func (s *Server) Running() int   { return int(s.running.Load()) }
func (s *Server) Abandoned() int { return int(s.abandoned.Load()) }

// Close refuses new commands, cancels those under way, and waits for their ends
// until ctx is over.
func (s *Server) Close(ctx context.Context) error {
	s.end(errStopping)
	err := s.listen.Close()
	done := make(chan struct{})
	go func() { defer close(done); s.served.Wait() }()
	select {
	case <-done:
		return err
	case <-ctx.Done():
		return errors.Join(err, fmt.Errorf("%d commands have not ended", s.running.Load()))
	}
}

func (s *Server) accept() {
	for {
		c, err := s.listen.AcceptUnix()
		switch {
		case s.life.Err() != nil:
			if err == nil {
				_ = c.Close()
			}
			return
		case err != nil:
			var temporary interface{ Temporary() bool }
			if errors.As(err, &temporary) && temporary.Temporary() {
				time.Sleep(10 * time.Millisecond) //nolint:sleep // out of descriptors: nothing tells when there are some
				continue
			}
			s.failed <- err
			return
		case guard.Owner(c):
			s.enter(c)
		case !s.opts.Foreign:
			s.opts.Refused(RefusedPeer)
			_ = c.Close()
		case s.foreign.Add(1) > maxForeign:
			s.foreign.Add(-1)
			s.opts.Refused(RefusedCrowded)
			_ = c.Close()
		default:
			s.enter(c, func() { s.foreign.Add(-1) })
		}
	}
}

// enter serves a connection on another goroutine, if there is room for it, and calls left
// in the end.
func (s *Server) enter(c *net.UnixConn, left ...func()) {
	leave := func() {
		for _, fn := range left {
			fn()
		}
	}
	seat := s.room.Enter(c)
	if seat == nil {
		leave()
		return
	}
	s.served.Go(func() {
		defer leave()
		defer seat.Leave()
		defer c.Close()
		s.serve(c, seat)
	})
}

// serve handles one connection: one command.
func (s *Server) serve(c *net.UnixConn, seat *socket.Seat) {
	r, err := receive(c, receiveTime)
	if errors.Is(err, invocation.ErrOlder) {
		_ = reply(c, invocation.Answer{Declined: true, Reason: "the front is of another build"})
		return
	}
	if err != nil {
		if s.life.Err() == nil && !seat.Lost() {
			s.opts.Refused(RefusedMalformed)
		}
		return
	}
	defer r.close()
	if !seat.Hold() {
		return
	}
	w, err := s.newWork(c, r)
	if err != nil {
		_ = reply(c, invocation.Answer{Declined: true, Reason: errDescriptors.Error()})
		return
	}
	defer w.close()
	if why := s.declines(r, w); why != "" {
		_ = reply(c, invocation.Answer{Declined: true, Reason: why})
		return
	}
	if reply(c, invocation.Answer{Writes: w.command.Writes, Files: w.command.Files}) != nil {
		return
	}
	switch err := r.begin(c, len(w.command.Files), receiveTime); {
	case err == nil && (w.call.Foreign || len(r.Files) > 0) && !r.plain():
		s.opts.Refused(RefusedMalformed)
	case err == nil:
		w.use(r)
		w.run()
	case errors.Is(err, errDescriptors):
		_ = conclude(c, invocation.Ended{Alone: true})
	case errors.Is(err, invocation.ErrProtocol):
		s.opts.Refused(RefusedMalformed)
	} // else the front has gone, or runs the command itself
}

// declines prepares the command and says why its front must run it itself; ""
// when it can run here.
func (s *Server) declines(r *received, w *work) (why string) {
	if r.Engine != s.opts.Engine && !w.call.Foreign { // another user cannot run it alone
		return "the Deacon is of another build"
	}
	defer func() {
		if p := recover(); p != nil { // the engine, run alone, tells about it
			s.opts.Log.WithField("stack", string(debug.Stack())).Error("the arguments of a command could not be read")
			why = "the Deacon could not read the arguments"
		}
	}()
	w.command = s.opts.Prepare(w.call)
	switch {
	case w.command.Alone:
		return "the command runs in a process of its own"
	case w.command.Town != "" && !sameDirectory(w.command.Town, s.opts.Root):
		return "the command is for another Town"
	}
	return ""
}

// sameDirectory reports whether two paths lead to one directory.
func sameDirectory(a, b string) bool {
	if a == b {
		return true
	}
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}
