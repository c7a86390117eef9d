package deacon

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
)

// clumsy is a server whose Lend fails, and which then fails to serve again a few
// times.
type clumsy struct {
	fails    atomic.Int32 // how many more attempts to serve again fail
	attempts atomic.Int32
}

func (c *clumsy) Close(context.Context) error { return nil }

func (c *clumsy) Lend(context.Context) (func(context.Context) error, error) {
	c.fails.Store(2)
	return func(context.Context) error {
		c.attempts.Add(1)
		if c.fails.Add(-1) >= 0 {
			return errors.New("the socket is somebody else's")
		}
		return nil
	}, errors.New("it did not stop in order")
}

// When lending fails, the Deacon starts the server again, and its status says so
// until that has succeeded.
func TestALeaseThatFailsIsMended(t *testing.T) {
	p := found(t)
	server := &clumsy{}
	p.server = server
	r := p.mustStart()
	defer r.end()
	if _, err := r.client.Lend(t.Context()); err == nil {
		t.Fatal("it was lent")
	}
	until(t, "it says what is wrong", func() bool {
		s := r.Status()
		return s.State == "lending" && strings.Contains(s.Unserved, "somebody else's")
	})
	until(t, "the planes are served again", func() bool {
		s := r.Status()
		return s.State == "running" && s.Unserved == ""
	})
	if n := server.attempts.Load(); n != 3 {
		t.Errorf("%d attempts", n)
	}
}

// A server that never recovers does not prevent the Deacon from stopping.
func TestALeaseThatIsNeverMended(t *testing.T) {
	p := found(t)
	server := &clumsy{}
	p.server = server
	r := p.mustStart()
	if _, err := r.client.Lend(t.Context()); err == nil {
		t.Fatal("it was lent")
	}
	server.fails.Store(1 << 30)
	until(t, "it says what is wrong", func() bool { return r.Status().Unserved != "" })
	r.end()
}
