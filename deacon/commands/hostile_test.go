package commands

import (
	"context"
	"encoding/binary"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gastown/deacon/invocation"
)

// A peer that does not speak the protocol gets nothing, costs nothing, and leaves
// no descriptor behind.
func TestHostilePeers(t *testing.T) {
	b := newBench(t, verbs{"x": func(context.Context, Call) int { return 0 }}, Options{})
	good, err := invocation.Request{Args: []string{"x"}, Engine: engine}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	long := append([]byte{}, good...)
	binary.BigEndian.PutUint32(long[4:], 1<<31)
	cut := append([]byte{}, good...)
	binary.BigEndian.PutUint32(cut[4:], uint32(len(good)-invocation.HeaderSize-1))
	before := descriptorsOpen(t)
	for name, c := range map[string]struct {
		data []byte
		fds  int
	}{
		"nothing":          {nil, 0},
		"no descriptors":   {good, 0},
		"two":              {good, 2},
		"eight":            {good, 8},
		"another protocol": {[]byte("GET / HTTP/1.1\r\n\r\n"), 3},
		"too long":         {long, 3},
		"cut short":        {cut, 3},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: b.socket})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			var rights []byte
			if c.fds > 0 {
				fds := make([]int, c.fds)
				rights = unix.UnixRights(fds...) // standard input, so often
			}
			if len(c.data) > 0 {
				if _, _, err := conn.WriteMsgUnix(c.data, rights, nil); err != nil {
					t.Fatal(err)
				}
			}
			if err := conn.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil || os.IsTimeout(err) {
				t.Errorf("read %d bytes, %v", n, err)
			}
		})
	}
	if e := b.start("x").wait(); e.Code != 0 {
		t.Errorf("the next command: %+v", e)
	}
	deadline := time.Now().Add(patience)
	for descriptorsOpen(t) > before+8 { // the last front's own
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors are open, %d were", descriptorsOpen(t), before)
		}
		time.Sleep(time.Millisecond) //nolint:sleep // polls a condition with a deadline
	}
}

func descriptorsOpen(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
