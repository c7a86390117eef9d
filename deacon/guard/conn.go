package guard

import (
	"errors"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"gastown/town/socket"
)

type connKey struct{}

// listener bounds the number of connections; see socket.Room. With Owner it accepts
// only processes of the owner.
type listener struct {
	net.Listener
	server *Server
	room   *socket.Room
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.server.opts.Owner && !sameUser(c) {
			l.server.refuse(Peer)
			_ = c.Close()
			continue
		}
		if seat := l.room.Enter(c); seat != nil {
			return &conn{Conn: c, server: l.server, seat: seat}, nil
		}
	}
}

// sameUser reports whether the peer's user may use what belongs to this user.
func sameUser(c net.Conn) bool {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return false
	}
	peer, _, err := PeerProcess(u)
	return err == nil && Same(peer)
}

// PeerProcess asks the kernel for the user and the id of the process that connected. What
// the process does afterwards, such as passing the connection on, changes neither.
func PeerProcess(c *net.UnixConn) (user, process int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	var peer *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) { peer, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err = errors.Join(err, failed); err != nil {
		return 0, 0, err
	}
	return int(peer.Uid), int(peer.Pid), nil
}

// Same reports whether a user may use what belongs to this process's user.
func Same(user int) bool { return allowed(user, os.Getuid()) }

// Owner reports whether the peer is a process of this user, or of root.
func Owner(c *net.UnixConn) bool { return sameUser(c) }

// allowed also accepts root, which can do anything anyway.
func allowed(peer, own int) bool { return peer == own || peer == 0 }

// conn observes its peer, because net/http does not report requests that never
// arrive whole.
type conn struct {
	net.Conn
	server  *Server
	seat    *socket.Seat
	got     atomic.Bool // bytes of a request arrived
	handled atomic.Bool // the request's handler was called
	slow    atomic.Bool // the peer was too slow
	idle    atomic.Bool // between two requests
	aborted atomic.Bool // the server itself interrupts its read
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.got.Store(true)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && !c.aborted.Load() && !c.idle.Load() && !c.slow.Swap(true) {
		c.server.refuse(Slow)
	}
	return n, err
}

// Write limits, with Owner, how long the peer may take for each piece.
func (c *conn) Write(p []byte) (int, error) {
	if c.server.opts.Owner {
		if err := c.SetWriteDeadline(time.Now().Add(c.server.opts.Write)); err != nil {
			return 0, err
		}
	}
	n, err := c.Conn.Write(p)
	if errors.Is(err, os.ErrDeadlineExceeded) && !c.slow.Swap(true) {
		c.server.refuse(Slow)
	}
	return n, err
}

// SetReadDeadline recognises a deadline in the past, with which net/http interrupts
// its own reads.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.aborted.Store(!t.IsZero() && t.Year() < 2000)
	return c.Conn.SetReadDeadline(t)
}

func (c *conn) Close() error {
	c.seat.Leave()
	return c.Conn.Close()
}

// state is net/http's callback for a connection whose state changes.
func state(n net.Conn, s http.ConnState) {
	c, ok := n.(*conn)
	if !ok {
		return
	}
	switch s {
	case http.StateIdle:
		c.got.Store(false)
		c.handled.Store(false)
		c.idle.Store(true)
	case http.StateActive:
		c.idle.Store(false)
	case http.StateClosed:
		if c.got.Load() && !c.handled.Load() && !c.slow.Load() && !c.seat.Lost() {
			c.server.refuse(Malformed)
		}
	}
}
