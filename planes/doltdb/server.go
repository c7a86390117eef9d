package doltdb

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"sync"
	"time"

	"gastown/town"
	"gastown/town/lockfile"
)

const (
	// defaultGrace is how long running transactions may take to end when the
	// server stops.
	defaultGrace = 5 * time.Second
	// defaultMaxConnections bounds the clients connected at once.
	defaultMaxConnections = 1000
	// maxSocketPath is how long the path of a unix socket can be, in bytes.
	maxSocketPath = 107
)

// ErrStopped reports a server that was closed.
var ErrStopped = errors.New("the server was closed")

// Server owns the databases of a directory and serves SQL on them. Its methods
// may be called from any goroutine.
type Server struct {
	opts ServeOptions

	// ending ends with Close, before mu is waited for: a start under way, which
	// may wait for whoever has the databases, ends with it.
	ending context.Context
	end    context.CancelFunc

	mu    sync.Mutex       // held while the server starts, stops, or is lent
	run   *running         // nil while it is lent
	locks []*lockfile.Lock // nil while it is lent
}

// Serve takes the databases' locks, waiting for them like an open does, and
// serves them. When it returns, the server answers. It fails with town.ErrBusy
// when another process has a database, the socket or the port; with ErrMissing
// when a database is not there; with town.ErrRefused for what must not be
// served. A socket file that nobody answers on is replaced. ctx bounds the
// start only.
func Serve(ctx context.Context, opts ServeOptions) (_ *Server, err error) {
	defer recovered("serve the databases", &err)
	opts = opts.withDefaults()
	if opts.Dir, err = filepath.Abs(opts.Dir); err != nil {
		return nil, err
	}
	if err := opts.check(); err != nil {
		return nil, err
	}
	s := &Server{opts: opts}
	s.ending, s.end = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.start(ctx); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

// Addr is the address of opts.Listen, with the port in use; nil when there is
// none, or while the server is lent.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil || s.run.tcp == nil {
		return nil
	}
	return s.run.tcp.Addr()
}

// Close stops accepting, lets transactions that run end within the grace and
// ends what is left of them, then releases the locks. When ctx ends earlier,
// they are ended at once. A lease that is being taken back is given up. A
// server that was closed stays so.
func (s *Server) Close(ctx context.Context) error {
	s.end()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stop(ctx)
}

// Lend stops serving and releases the locks, so that another process, or this
// one, may open the databases itself. release takes them back and serves again;
// it waits for whoever has them, and may be called again when it failed. After
// Close it does nothing. The caller must release what it borrowed. When Lend
// fails, the server goes on; where it cannot, release comes with the error.
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
	defer recovered("serve the databases", &err)
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
	s.note(starting)
	if s.run, err = s.opts.run(ctx); err != nil {
		return errors.Join(err, s.release())
	}
	s.note(serving)
	return nil
}

// stop ends what start began.
func (s *Server) stop(ctx context.Context) (err error) {
	if s.run == nil {
		return nil
	}
	s.note(stopping)
	err = s.run.stop(ctx, s.opts.Grace)
	s.run = nil
	if errors.Is(err, errStuck) {
		return town.Fail("stop serving the databases", "end this process", "%w", err)
	}
	return errors.Join(err, s.release())
}

func (s *Server) note(st state) {
	for _, l := range s.locks {
		l.Note(string(st))
	}
}

func (s *Server) release() (err error) {
	for _, l := range s.locks {
		err = errors.Join(err, l.Release())
	}
	s.locks = nil
	return err
}
