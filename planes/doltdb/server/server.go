// Package server serves the databases of one directory on a socket, and optionally
// on an address of this machine. It is assembled from the engine's parts, because
// the engine's own server always opens a port, has a root user without a password,
// and stops by disconnecting all clients.
//
// Only one process serves a directory at a time. While it does, it holds the locks
// of all databases. When it stops, no transaction may begin, current ones have some
// time to end, and the rest is rolled back. Nothing here retries.
//
// Commands use it through planes/doltdb.Serve.
package server

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"

	"gastown/planes/doltdb/internal/engine"
	"gastown/planes/doltdb/internal/shapes"
	"gastown/planes/doltdb/internal/wire"
	"gastown/town"
	"gastown/town/lockfile"
)

// ErrStopped reports a server that was closed.
var ErrStopped = errors.New("the server was closed")

// Opener opens databases as a command does. The server needs it to find out
// whether it can serve them.
type Opener interface {
	// Exists fails when there is no database of that name.
	Exists(name string) error
	// Recover opens a database whose lock the caller holds, which completes what a
	// killed process left half done, and closes it.
	Recover(ctx context.Context, name string) error
	// Reach opens a database through the server's socket and closes it. It reports
	// false when nobody answers.
	Reach(ctx context.Context, name string) (bool, error)
	// Closed is called when the server has closed a database and still has its lock.
	Closed(name string)
}

// Server owns the databases of a directory and serves SQL on them. Its methods
// may be called from any goroutine.
type Server struct {
	opts   Options
	opener Opener
	// statements counts those of all clients.
	statements atomic.Int64
	shapes     shapes.Table

	// ending ends when Close is called, before mu is waited for. It ends a start
	// that waits for whoever has the databases.
	ending context.Context
	end    context.CancelFunc

	mu    sync.Mutex       // held while the server starts, stops, or is lent
	run   *running         // nil while it is lent
	locks []*lockfile.Lock // nil while it is lent
	dirs  []fs.FileInfo    // of Options.Planes, since they were opened
}

// Statements is how many SQL statements clients have sent, with those of transactions.
func (s *Server) Statements() int64 { return s.statements.Load() }

// StatementShape says how often statements of a shape ran, and how long in all; see package
// shapes.
type StatementShape = shapes.Shape

// Shapes are the shapes of statements that took most, since Start, and what the others
// took together. Time is counted as a client waits: with the wait for a lock.
func (s *Server) Shapes() []StatementShape { return s.shapes.List() }

// Start takes the databases' locks, waiting for them as an opening does, and
// serves the databases. When it returns, the server answers. It fails with
// town.ErrBusy when another process has a database, the socket or the port; with
// the Opener's error when a database does not exist; with town.ErrRefused for
// what must not be served. A socket file on which nobody answers is replaced. ctx
// bounds the start only.
func Start(ctx context.Context, opts Options, opener Opener) (_ *Server, err error) {
	defer engine.Recovered("serve the databases", &err)
	opts = opts.withDefaults()
	if opts.Dir, err = filepath.Abs(opts.Dir); err != nil {
		return nil, err
	}
	if err := opts.check(opener); err != nil {
		return nil, err
	}
	s := &Server{opts: opts, opener: opener}
	s.opts.statements, s.opts.shapes = &s.statements, &s.shapes
	s.ending, s.end = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.start(ctx); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

// Addr is the address of Options.Listen, with the port in use; nil when there is
// none, or while the server is lent.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil || s.run.tcp == nil {
		return nil
	}
	return s.run.tcp.Addr()
}

// Close accepts nothing more, lets running transactions end within the grace,
// ends the others, and releases the locks. When ctx ends earlier, they are ended
// at once. It also ends an attempt to take back what was lent. A closed server
// stays closed.
func (s *Server) Close(ctx context.Context) error {
	s.end()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stop(ctx)
}

// Lend stops serving and releases the locks, so that another process, or this one,
// may open the databases itself. release takes them back and serves again; it waits
// for the process that has them, and may be called again if it fails. After Close
// it does nothing. The caller must call release. If Lend fails, the server
// continues; if it cannot, Lend returns release with the error.
func (s *Server) Lend(ctx context.Context) (release func(context.Context) error, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ending.Err() != nil:
		return nil, ErrStopped
	case s.run == nil:
		return nil, town.Fail("lend the databases", "wait until they are given back, then run the command again",
			"%w: they are lent already", town.ErrBusy)
	}
	release = func(ctx context.Context) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.startUnlessClosed(ctx)
	}
	if err := s.stop(ctx); err != nil {
		again := s.startUnlessClosed(context.WithoutCancel(ctx))
		if again == nil {
			release = nil
		}
		return release, errors.Join(err, again)
	}
	return release, nil
}

// startUnlessClosed does nothing to a server that runs. The caller holds mu.
func (s *Server) startUnlessClosed(ctx context.Context) (err error) {
	defer engine.Recovered("serve the databases", &err)
	if s.ending.Err() != nil || s.run != nil {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ending, cancel)()
	err = s.start(ctx)
	if s.ending.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// start takes the locks and serves. The caller holds mu, or has s to itself.
func (s *Server) start(ctx context.Context) (err error) {
	if s.locks, err = s.opts.takeAll(ctx); err != nil {
		return err
	}
	s.note(wire.Starting)
	if s.dirs, err = s.opts.directories(); err == nil {
		s.run, err = s.opts.run(ctx, s.opener)
	}
	if err != nil {
		return errors.Join(err, s.release())
	}
	s.note(wire.Serving)
	return nil
}

// stop undoes start.
func (s *Server) stop(ctx context.Context) (err error) {
	if s.run == nil {
		return nil
	}
	s.note(wire.Stopping)
	err = s.run.stop(ctx, s.opts.Grace)
	s.run = nil
	if errors.Is(err, errStuck) {
		return town.Fail("stop serving the databases", "end this process", "%w", err)
	}
	return errors.Join(err, s.release())
}

// note says in the lock files what the server is doing.
func (s *Server) note(state wire.State) {
	for _, l := range s.locks {
		l.Note(string(state))
	}
}

func (s *Server) release() (err error) {
	if s.locks != nil {
		for _, plane := range s.opts.Planes {
			s.opener.Closed(plane)
		}
	}
	for _, l := range s.locks {
		err = errors.Join(err, l.Release())
	}
	s.locks = nil
	return err
}
