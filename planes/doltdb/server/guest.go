package server

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
	// the password yet, so that they cannot use up the places of clients who have.
	defaultMaxGuests = 16
	// defaultGuestTime is how long one may take to show it.
	defaultGuestTime = 5 * time.Second
	// maxGuestBytes is the most it may send before that, and the largest packet it
	// may announce.
	maxGuestBytes = 64 << 10
	// packetHeader is the length of a packet's header, which begins with the
	// packet's length in three bytes.
	packetHeader = 4
)

// The reasons for refusing a connection, as Options.Refused is told them. All but
// RefusedCrowded are about connections over the network.
const (
	RefusedCrowded   = "crowded"
	RefusedSlow      = "slow"
	RefusedOversized = "oversized"
	RefusedMalformed = "malformed"
	RefusedUnsigned  = "unsigned"
)

var errOversized = errors.New("the client sent more than a login has")

// lobby is a listener whose connections are guests until they have shown the
// password.
type lobby struct {
	net.Listener
	free    chan struct{}
	time    time.Duration
	refused func(reason string)
}

func (o Options) lobby(l net.Listener) *lobby {
	return &lobby{Listener: l, free: make(chan struct{}, o.MaxGuests), time: o.GuestTime, refused: o.Refused}
}

// Accept returns the next connection for which there is a place.
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
			l.refused(RefusedCrowded)
			_ = c.Close()
		}
	}
}

// guest is a connection whose use is bounded until it is admitted. One goroutine
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
	left   int // bytes of the packet that are still to come
}

// admit lifts the bounds after the client has shown the password.
func (g *guest) admit() error {
	g.admitted.Store(true)
	g.leave()
	return g.SetDeadline(time.Time{})
}

// refuse reports the guest, once.
func (g *guest) refuse(reason string) {
	if !g.admitted.Load() && !g.told.Swap(true) {
		g.refused(reason)
	}
}

// Read refuses a large packet by its header, before anybody allocates memory for
// it.
func (g *guest) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if g.admitted.Load() {
		return n, err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		g.refuse(RefusedSlow)
	}
	if g.total += n; g.total > maxGuestBytes || !g.follow(p[:n]) {
		g.refuse(RefusedOversized)
		return 0, errOversized
	}
	return n, err
}

// follow reads the headers of packets and reports whether all are small enough.
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

// Close reports a guest that sent something other than a login.
func (g *guest) Close() error {
	if g.total > 0 {
		g.refuse(RefusedMalformed)
	}
	g.leave()
	return g.Conn.Close()
}
