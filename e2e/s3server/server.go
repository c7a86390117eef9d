package s3server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// What a Server takes as credentials.
const (
	KeyID  = "AKIAPLANTED7FQX1GRY2"
	Secret = "s3-Planted/9hSz+three/wJalrXUtnFEMI0kQ"
)

// Server is a server that runs.
type Server struct {
	// URL is where clients reach it, Root the directory with a directory for each bucket.
	URL, Root string

	cmd    *exec.Cmd
	said   strings.Builder
	dir    string
	relay  net.Listener
	under  sync.WaitGroup
	mu     sync.Mutex
	conns  map[net.Conn]bool
	left   int64 // bytes that clients may still send; -1 for no limit
	then   func()
	closed bool
}

// Start starts a server without buckets, which the caller closes.
func Start(ctx context.Context) (_ *Server, err error) {
	path, err := Build(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{conns: map[net.Conn]bool{}, left: -1}
	if s.dir, err = os.MkdirTemp("", "s3-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start versitygw: %w", err), s.Close())
		}
	}()
	s.Root = filepath.Join(s.dir, "buckets")
	meta := filepath.Join(s.dir, "meta")
	if err := errors.Join(os.Mkdir(s.Root, 0o700), os.Mkdir(meta, 0o700)); err != nil {
		return nil, err
	}
	// Metadata in files: not every file system has extended attributes.
	s.cmd = exec.Command(path, "--port", s.socket(), "--keep-alive", "--quiet", "posix", "--sidecar", meta, "--bucketlinks", s.Root) //nolint:noctx // Close ends it
	s.cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY_ID="+KeyID, "ROOT_SECRET_ACCESS_KEY="+Secret)
	s.cmd.Stdout, s.cmd.Stderr = &s.said, &s.said
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.cmd = nil
		return nil, err
	}
	if s.relay, err = net.Listen("tcp", "127.0.0.1:0"); err != nil { //nolint:noctx // Close ends it
		return nil, err
	}
	s.URL = "http://" + s.relay.Addr().String()
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) { // nothing else tells that it listens
		c, err := net.Dial("unix", s.socket()) //nolint:noctx // it answers at once
		if err == nil {
			_ = c.Close()
			break
		}
		if time.Since(begun) > time.Minute {
			return nil, err
		}
	}
	s.under.Go(s.accept)
	return s, nil
}

func (s *Server) socket() string { return filepath.Join(s.dir, "socket") }

// Bucket makes a bucket.
func (s *Server) Bucket(name string) error { return os.Mkdir(filepath.Join(s.Root, name), 0o700) }

// Link makes a bucket of which the objects are files of a directory.
func (s *Server) Link(name, dir string) error { return os.Symlink(dir, filepath.Join(s.Root, name)) }

// CutAfter loses all connections when clients have sent so many bytes more, and calls then;
// new ones are lost until Mend.
func (s *Server) CutAfter(bytes int64, then func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left, s.then = bytes, then
}

// Mend lets clients reach the server again.
func (s *Server) Mend() { s.CutAfter(-1, nil) }

// Close ends the server and removes what it stored.
func (s *Server) Close() error {
	if s.relay != nil {
		s.mu.Lock()
		s.closed = true
		_ = s.relay.Close()
		s.cut()
		s.mu.Unlock()
		s.under.Wait()
	}
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait() // it was killed
	}
	return os.RemoveAll(s.dir)
}

// accept relays connections until Close.
func (s *Server) accept() {
	for {
		client, err := s.relay.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("unix", s.socket()) //nolint:noctx // a socket of this machine
		if err != nil {
			_ = client.Close()
			continue
		}
		s.mu.Lock()
		lost := s.left == 0 || s.closed
		s.conns[client], s.conns[server] = true, true
		s.mu.Unlock()
		if lost {
			_, _ = client.Close(), server.Close()
			continue
		}
		s.under.Go(func() {
			defer server.Close()
			_, _ = io.Copy(counted{server, s}, client)
		})
		s.under.Go(func() {
			defer client.Close()
			_, _ = io.Copy(client, server)
		})
	}
}

// cut closes all connections. The caller has the lock.
func (s *Server) cut() {
	for c := range s.conns {
		_ = c.Close()
	}
	clear(s.conns)
}

// counted counts what clients send, and passes on what they may.
type counted struct {
	io.Writer
	of *Server
}

func (c counted) Write(p []byte) (int, error) {
	part, last := c.of.take(p)
	n, err := c.Writer.Write(part)
	if last {
		c.of.lose()
		return n, io.ErrClosedPipe
	}
	return n, err
}

// take is what may be sent of a text, and whether it is the last.
func (s *Server) take(p []byte) (part []byte, last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left < 0 {
		return p, false
	}
	part = p[:min(int64(len(p)), s.left)]
	s.left -= int64(len(part))
	return part, s.left == 0
}

// lose loses all connections.
func (s *Server) lose() {
	s.mu.Lock()
	then := s.then
	s.then = nil
	s.cut()
	s.mu.Unlock()
	if then != nil {
		then()
	}
}
