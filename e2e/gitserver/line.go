package gitserver

import (
	"net"
	"sync"
	"time"
)

// paceSteps is how many times a second a throttled connection moves data.
const paceSteps = 50

// line is the listener. It counts traffic and applies the delay, the throttle, the
// cut and the faults to every connection.
type line struct {
	net.Listener
	s *Server

	mu     sync.Mutex
	open   map[*conn]struct{}
	closed bool
}

// Accept waits for a client. The caller owns the connection, but the line can close
// it at any time.
func (l *line) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.s.connections.Add(1)
	c := &conn{
		Conn: raw,
		line: l,
		due:  time.Now().Add(time.Duration(l.s.delay.Load())),
		cut:  l.s.cut.Load(),
		gone: make(chan struct{}),
	}
	l.mu.Lock()
	c.held = l.s.take(BlackHole)
	closed := l.closed
	l.open[c] = struct{}{}
	l.mu.Unlock()
	if closed {
		_ = c.Close()
	}
	return c, nil
}

// releaseHeld closes the connections that BlackHole accepted.
func (l *line) releaseHeld() {
	l.mu.Lock()
	var held []*conn
	for c := range l.open {
		if c.held {
			held = append(held, c)
		}
	}
	l.mu.Unlock()
	closeAll(held)
}

// shutdown stops listening and closes every connection.
func (l *line) shutdown() {
	_ = l.Listener.Close() // an error means that it is closed already
	l.mu.Lock()
	l.closed = true
	open := make([]*conn, 0, len(l.open))
	for c := range l.open {
		open = append(open, c)
	}
	l.mu.Unlock()
	closeAll(open)
}

func closeAll(conns []*conn) {
	for _, c := range conns {
		_ = c.Close() // an error means that the client closed it first
	}
}

// conn is one client's connection. One goroutine reads and one writes, as
// net/http and the SSH transport do.
type conn struct {
	net.Conn
	line *line
	due  time.Time // when the delay of a new connection is over
	cut  int64     // bytes sent after which the connection is closed; 0 for never
	sent int64
	held bool
	once sync.Once
	gone chan struct{}
}

func (c *conn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		close(c.gone)
		c.line.mu.Lock()
		delete(c.line.open, c)
		c.line.mu.Unlock()
		err = c.Conn.Close()
	})
	return err
}

// wait sleeps for d, and returns early when the connection is closed.
func (c *conn) wait(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.gone:
		return net.ErrClosed
	}
}

// ready waits until the delay of a new connection is over.
func (c *conn) ready() error {
	if c.held {
		<-c.gone
		return net.ErrClosed
	}
	return c.wait(time.Until(c.due))
}

// portion says how many of n bytes may pass in one step, and how long the step
// takes for the bytes that were moved.
func (c *conn) portion(n int) (int, func(moved int) time.Duration) {
	rate := c.line.s.rate.Load()
	if rate <= 0 {
		return n, func(int) time.Duration { return 0 }
	}
	step := int(max(1, rate/paceSteps))
	return min(n, step), func(moved int) time.Duration {
		return time.Duration(float64(moved) / float64(rate) * float64(time.Second))
	}
}

func (c *conn) Read(p []byte) (int, error) {
	if err := c.ready(); err != nil {
		return 0, err
	}
	allowed, takes := c.portion(len(p))
	n, err := c.Conn.Read(p[:allowed])
	c.line.s.in.Add(int64(n))
	if waitErr := c.wait(takes(n)); err == nil {
		err = waitErr
	}
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	if err := c.ready(); err != nil {
		return 0, err
	}
	written := 0
	for written < len(p) {
		allowed, takes := c.portion(len(p) - written)
		if c.cut > 0 {
			allowed = int(min(int64(allowed), c.cut-c.sent))
		}
		n, err := c.Conn.Write(p[written : written+allowed])
		written += n
		c.sent += int64(n)
		c.line.s.out.Add(int64(n))
		if err != nil {
			return written, err
		}
		if c.cut > 0 && c.sent >= c.cut {
			_ = c.Close()
			return written, net.ErrClosed
		}
		if err := c.wait(takes(n)); err != nil {
			return written, err
		}
	}
	return written, nil
}
