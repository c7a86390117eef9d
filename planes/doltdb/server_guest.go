package doltdb

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// defaultMaxGuests bounds connections over the network that have not shown
	// the password yet: they cannot take the places of those who have.
	defaultMaxGuests = 16
	// defaultGuestTime is how long one may take to show it.
	defaultGuestTime = 5 * time.Second
	// maxGuestBytes is the most it may send before, and announce to send.
	maxGuestBytes = 64 << 10
	// packetHeader is the length of a packet's header, which begins with the
	// packet's length in three bytes.
	packetHeader = 4
)

// Why a connection over the network is refused; the words that a server is told
// with ServeOptions.Refused.
const (
	refusedCrowded   = "crowded"
	refusedSlow      = "slow"
	refusedOversized = "oversized"
	refusedMalformed = "malformed"
	refusedUnsigned  = "unsigned"
)

var errOversized = errors.New("more was sent than a login has")

// lobby is where connections over the network wait until they have shown the
// password.
type lobby struct {
	net.Listener
	free    chan struct{}
	time    time.Duration
	refused func(reason string)
}

func (o ServeOptions) lobby(l net.Listener) *lobby {
	return &lobby{Listener: l, free: make(chan struct{}, o.MaxGuests), time: o.GuestTime, refused: o.Refused}
}

// Accept returns the next connection there is a place for.
func (l *lobby) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.free <- struct{}{}:
			g := &guest{Conn: c, leave: sync.OnceFunc(func() { <-l.free }), refused: l.refused}
			if err := c.SetDeadline(time.Now().Add(l.time)); err == nil {
				return g, nil
			}
			_ = g.Close()
		default:
			l.refused(refusedCrowded)
			_ = c.Close()
		}
	}
}

// guest is a connection that is bounded until it is admitted. One goroutine
// reads from it.
type guest struct {
	net.Conn
	leave    func()
	refused  func(reason string)
	admitted atomic.Bool
	told     atomic.Bool

	total  int // bytes that arrived
	header [packetHeader]byte
	have   int // bytes of the header
	left   int // bytes of the packet that are to come
}

// admit lifts the bounds: it showed the password.
func (g *guest) admit() error {
	g.admitted.Store(true)
	g.leave()
	return g.SetDeadline(time.Time{})
}

// refuse counts it once.
func (g *guest) refuse(reason string) {
	if !g.admitted.Load() && !g.told.Swap(true) {
		g.refused(reason)
	}
}

// Read refuses a packet by its header, before anybody makes room for it.
func (g *guest) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if g.admitted.Load() {
		return n, err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		g.refuse(refusedSlow)
	}
	if g.total += n; g.total > maxGuestBytes || !g.follow(p[:n]) {
		g.refuse(refusedOversized)
		return 0, errOversized
	}
	return n, err
}

// follow reports whether the packets are as small as they must be.
func (g *guest) follow(p []byte) bool {
	for len(p) > 0 {
		if g.left > 0 {
			n := min(g.left, len(p))
			g.left, p = g.left-n, p[n:]
			continue
		}
		g.header[g.have] = p[0]
		g.have, p = g.have+1, p[1:]
		if g.have == packetHeader {
			g.have = 0
			g.left = int(g.header[0]) | int(g.header[1])<<8 | int(g.header[2])<<16
			if g.left > maxGuestBytes {
				return false
			}
		}
	}
	return true
}

// Close counts one that sent something else than a login.
func (g *guest) Close() error {
	if g.total > 0 {
		g.refuse(refusedMalformed)
	}
	g.leave()
	return g.Conn.Close()
}
