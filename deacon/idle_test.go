package deacon

import (
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A thousand connections to each socket, and more than a socket takes, that say
// nothing hold nobody up, and are closed when their places are needed.
func TestIdleConnections(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < 8000 {
		t.Skipf("this process may have only %d files open, %v", limit.Cur, err)
	}
	p := found(t)
	p.commands = count
	r := p.mustStart()
	defer r.end()
	var idle []net.Conn
	defer func() {
		for _, c := range idle {
			_ = c.Close()
		}
	}()
	for _, path := range []string{p.layout.ControlSocket(), p.layout.CommandSocket(), p.layout.SQLSocket()} {
		for range 1100 {
			c, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			idle = append(idle, c)
		}
	}
	for _, listener := range []string{"control", "commands", "sql"} {
		until(t, listener+" counts the crowd", func() bool {
			_, metrics := body(t, "http://"+r.Address()+"/metrics")
			return strings.Contains(metrics, `{listener="`+listener+`",reason="crowded"}`)
		})
	}
	made(t, p.ledger(), titled("one")) // on a new connection to the SQL socket
	if code, text := p.send(t, "list"); code != 0 || text != "1 list" {
		t.Errorf("%d %q", code, text)
	}
	if _, err := r.client.Status(t.Context()); err != nil {
		t.Error(err)
	}
}
