package server

import (
	"net"

	"github.com/dolthub/vitess/go/mysql"

	"gastown/town/socket"
)

// visitor is a connection with a seat among those of the server. It may lose the
// seat to another one until its client has logged in.
type visitor struct {
	net.Conn
	seat *socket.Seat
}

// Close also gives the seat back.
func (v *visitor) Close() error {
	v.seat.Leave()
	return v.Conn.Close()
}

// admit lets a client stay that has logged in.
func admit(c *mysql.Conn) error {
	if v, ok := c.Conn.(*visitor); ok && !v.seat.Hold() {
		return net.ErrClosed
	}
	if from := guestOf(c); from != nil {
		return from.admit()
	}
	return nil
}

// guestOf returns the guest who connected over the network, or nil.
func guestOf(c *mysql.Conn) *guest {
	v, ok := c.Conn.(*visitor)
	if !ok {
		return nil
	}
	from, _ := v.Conn.(*guest)
	return from
}
