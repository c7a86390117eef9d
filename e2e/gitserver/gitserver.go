// Package gitserver serves one real bare Git repository on loopback, over HTTP
// (git http-backend) or SSH, for tests and benchmarks. It counts what clients
// cost (connections, conversations, bytes) and can misbehave on request: see
// Fault, Delay, Throttle and CutAfter. Everything it switches can be switched
// while clients are connected.
//
// A server never touches its user's files: the environment a client needs (a
// generated key, known_hosts, a CA) is in Env and lives in a temporary
// directory that Close removes. Close waits for every goroutine and every git
// process the server started. Nothing here retries.
package gitserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// defaultGrace is how long Close lets git processes of SSH sessions end by
// themselves before it sends SIGTERM, which lets them remove their lock files.
const defaultGrace = 10 * time.Second

// Server is one repository served on 127.0.0.1. Its methods may be called from
// any goroutine.
type Server struct {
	repo    string // the bare repository
	git     string // the git executable
	scratch string // HOME of git processes and the clients' keys; Close removes it
	url     string
	env     []string

	line      *line
	transport func() // ends the transport's own goroutines after shutdown
	life      context.Context
	end       context.CancelFunc
	shut      sync.Once

	connections, exchanges, pushes, requests, refused, in, out atomic.Int64

	delay, rate, cut atomic.Int64

	mu         sync.Mutex
	closed     bool
	work       sync.WaitGroup
	fault      Fault
	once       bool
	beforePush func()
}

// Counts says what clients have cost so far.
type Counts struct {
	// Connections is the number of TCP connections accepted.
	Connections int64
	// Exchanges is the number of exchanges with Git: info/refs requests that were
	// answered over HTTP, or sessions that ran a git command over SSH. Limits on
	// connections a sync are about this number.
	Exchanges int64
	// Pushes is how many of the exchanges were for a push, whether it succeeded or
	// not.
	Pushes int64
	// Requests is every HTTP request or SSH session request, including refused
	// ones.
	Requests int64
	// Refused counts the requests, and over SSH connections, that were not served:
	// without valid credentials, without the right to write, or while it is Busy.
	Refused int64
	// In and Out are bytes received and sent on the wire.
	In, Out int64
}

// Sub returns the difference from an earlier reading.
func (c Counts) Sub(before Counts) Counts {
	return Counts{
		Connections: c.Connections - before.Connections,
		Exchanges:   c.Exchanges - before.Exchanges,
		Pushes:      c.Pushes - before.Pushes,
		Requests:    c.Requests - before.Requests,
		Refused:     c.Refused - before.Refused,
		In:          c.In - before.In,
		Out:         c.Out - before.Out,
	}
}

// newServer listens on a free port. The caller sets up the transport.
func newServer(repo string) (*Server, error) {
	repo, err := filepath.Abs(repo)
	if err != nil {
		return nil, fmt.Errorf("serve %s: %w", repo, err)
	}
	if _, err := os.Stat(filepath.Join(repo, "HEAD")); err != nil {
		return nil, fmt.Errorf("serve %s: not a bare git repository: %w", repo, err)
	}
	git, err := exec.LookPath("git")
	if err != nil {
		return nil, fmt.Errorf("serve %s: %w", repo, err)
	}
	scratch, err := os.MkdirTemp("", "gitserver-")
	if err != nil {
		return nil, fmt.Errorf("serve %s: %w", repo, err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("serve %s: %w", repo, err), os.RemoveAll(scratch))
	}
	s := &Server{repo: repo, git: git, scratch: scratch}
	s.life, s.end = context.WithCancel(context.Background())
	s.line = &line{Listener: listener, s: s, open: map[*conn]struct{}{}}
	return s, nil
}

// name is the repository's base name, escaped for a URL.
func (s *Server) name() string { return url.PathEscape(filepath.Base(s.repo)) }

// URL is the address of the repository, without credentials.
func (s *Server) URL() string { return s.url }

// Env is what a client adds to its environment to reach the server: an SSH command
// with the key and the known host, or the CA of a TLS server. git, go test and
// stock dolt all use it.
func (s *Server) Env() []string { return append([]string(nil), s.env...) }

// Counts reads the counters.
func (s *Server) Counts() Counts {
	return Counts{
		Connections: s.connections.Load(),
		Exchanges:   s.exchanges.Load(),
		Pushes:      s.pushes.Load(),
		Requests:    s.requests.Load(),
		Refused:     s.refused.Load(),
		In:          s.in.Load(),
		Out:         s.out.Load(),
	}
}

// Close closes every connection, waits for every goroutine and git process, and
// removes the server's temporary files, but not the repository. It waits for git
// processes that a hook keeps busy; over SSH it sends them SIGTERM after ten
// seconds. A second call does nothing.
func (s *Server) Close() error {
	var err error
	s.shut.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		s.line.shutdown()
		grace := time.AfterFunc(defaultGrace, s.end)
		s.transport()
		s.work.Wait()
		grace.Stop()
		s.end()
		err = os.RemoveAll(s.scratch)
	})
	return err
}

// begin registers work that Close waits for. It returns false once Close has begun.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.work.Add(1)
	}
	return !s.closed
}

// gitEnv is the environment of git processes, without the user's settings.
func (s *Server) gitEnv(extra ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + s.scratch,
		"LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_CONFIG_COUNT=2",
		"GIT_CONFIG_KEY_0=http.receivepack",
		"GIT_CONFIG_VALUE_0=true",
		// A garbage collection in the background would outlive the server.
		"GIT_CONFIG_KEY_1=gc.autoDetach",
		"GIT_CONFIG_VALUE_1=false",
	}, extra...)
}
