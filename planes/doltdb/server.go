package doltdb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"gastown/town"
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

// ServeOptions say what to serve and where.
type ServeOptions struct {
	// Dir is the directory that holds one directory per database, Planes are
	// their names. All of them must exist.
	Dir    string
	Planes []string
	// Socket is the path of the unix socket to serve on. Its directory is made
	// if need be, and must be closed to other users.
	Socket string
	// Listen is host:port of this machine to serve on too, "" for none. It
	// takes connections of User only, with the password in the environment
	// variable PasswordEnv; without one, or on an address other machines can
	// reach, it is refused, as nothing encrypts.
	Listen      string
	User        string
	PasswordEnv string
	// Home, Wait and Command are as in Options.
	Home    string
	Wait    time.Duration
	Command string
	// Grace bounds how long Close and Lend let transactions end; 0 means 5 s.
	Grace time.Duration
	// MaxConnections bounds the clients connected at once; 0 means 1000.
	MaxConnections int
}

func (o ServeOptions) withDefaults() ServeOptions {
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = defaultMaxConnections
	}
	d := o.plane("any")
	o.Home, o.Wait, o.Command = d.Home, d.Wait, d.Command
	return o
}

// plane says how to open one of the databases in this process.
func (o ServeOptions) plane(name string) Options {
	return Options{Dir: filepath.Join(o.Dir, name), Home: o.Home, Wait: o.Wait, Command: o.Command}.withDefaults()
}

// Server owns the databases of a directory and serves SQL on them. Its methods
// may be called from any goroutine.
type Server struct {
	opts ServeOptions

	mu     sync.Mutex // held while the server starts, stops, or is lent
	closed bool
	run    *running       // nil while it is lent
	locks  []*flock.Flock // nil while it is lent
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
	if err := s.start(ctx); err != nil {
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
// they are ended at once. A server that was closed stays so.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return s.stop(ctx)
}

// Lend stops serving and releases the locks, so that another process, or this
// one, may open the databases itself. release takes them back and serves again;
// it waits for whoever has them, and may be called again when it failed. After
// Close it does nothing. The caller must release what it borrowed.
func (s *Server) Lend(ctx context.Context) (release func(context.Context) error, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, ErrStopped
	case s.run == nil:
		return nil, town.Fail("lend the databases", "wait until they are given back, then run the command again",
			"%w: they are lent already", town.ErrBusy)
	}
	if err := s.stop(ctx); err != nil {
		return nil, errors.Join(err, s.startUnlessClosed(context.WithoutCancel(ctx)))
	}
	return func(ctx context.Context) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.startUnlessClosed(ctx)
	}, nil
}

// startUnlessClosed does nothing to a server that runs. The caller holds mu.
func (s *Server) startUnlessClosed(ctx context.Context) (err error) {
	defer recovered("serve the databases", &err)
	if s.closed || s.run != nil {
		return nil
	}
	return s.start(ctx)
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
	for _, plane := range s.opts.Planes {
		o := s.opts.plane(plane)
		o.note(o.Dir+lockSuffix, st)
	}
}

func (s *Server) release() (err error) {
	for _, l := range s.locks {
		err = errors.Join(err, l.Unlock())
	}
	s.locks = nil
	return err
}

// takeAll takes the locks of all databases or of none: a command that has one
// and waits for another must not wait for a server that does the same.
func (o ServeOptions) takeAll(ctx context.Context) ([]*flock.Flock, error) {
	defer o.queue()()
	tick := time.NewTicker(serverPoll)
	defer tick.Stop()
	deadline := time.After(o.Wait)
	for {
		locks, blocked, err := o.tryAll()
		if err != nil || blocked == "" {
			return locks, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-deadline:
			plane := o.plane(blocked)
			return nil, busy(plane, plane.Dir+lockSuffix)
		}
	}
}

func (o ServeOptions) tryAll() (locks []*flock.Flock, blocked string, err error) {
	for _, plane := range o.Planes {
		lock := flock.New(filepath.Join(o.Dir, plane)+lockSuffix, flock.SetPermissions(0o600))
		ok, err := lock.TryLock()
		if ok {
			locks = append(locks, lock)
			continue
		}
		for _, l := range locks {
			err = errors.Join(err, l.Unlock())
		}
		return nil, plane, err
	}
	return locks, "", nil
}

// check refuses what cannot or must not be served.
func (o ServeOptions) check() error {
	op := "serve the databases in " + o.Dir
	if len(o.Socket) > maxSocketPath {
		return town.Fail(op, "move the Town to a shorter path",
			"%w: the path of its socket has %d bytes, and the system allows %d: %s", town.ErrRefused, len(o.Socket), maxSocketPath, o.Socket)
	}
	if o.Listen != "" {
		if err := o.checkListen(op); err != nil {
			return err
		}
	}
	for _, plane := range o.Planes {
		p := o.plane(plane)
		if err := p.present(); err != nil {
			return err
		}
	}
	return nil
}

func (o ServeOptions) checkListen(op string) error {
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return town.Fail(op, "write dolt.listen as 127.0.0.1:3307", "%w: %w", town.ErrRefused, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return town.Fail(op, "listen on 127.0.0.1, or run a Dolt SQL server of your own and set dolt.host",
			"%w: other machines could reach %s, and nothing encrypts what is said there", town.ErrRefused, o.Listen)
	}
	secret, err := password(o.PasswordEnv)
	if err != nil {
		return err
	}
	if secret == "" || o.User == "" {
		return town.Fail(op, "set dolt.user, and dolt.password_env to the name of a variable that holds a password",
			"%w: %s would be open to every user of this machine", town.ErrRefused, o.Listen)
	}
	return nil
}

// privateDir makes the socket's directory, or checks that it is closed to others.
func privateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return town.Fail("serve the databases", "close it to others: chmod 700 "+dir,
			"%w: %s, where the socket would be, has mode %04o", town.ErrRefused, dir, perm)
	}
	return nil
}

// listenSocket binds the unix socket. The caller holds the databases' locks, so
// a socket that nobody answers on was left by a process that has ended.
func listenSocket(path string) (net.Listener, error) {
	if err := privateDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if conn, err := net.DialTimeout("unix", path, dialTimeout); err == nil {
		_ = conn.Close()
		return nil, town.Fail("serve the databases", "end the process that answers there",
			"%w: %s is in use by another process", town.ErrBusy, path)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSocket == 0 {
		return nil, town.Fail("serve the databases", "move it away", "%w: %s is there and is no socket", town.ErrRefused, path)
	}
	if err := remove(path); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("serve the databases on %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}
