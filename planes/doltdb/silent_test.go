package doltdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gastown/planes/doltdb/internal/wire"
	"gastown/town"
)

// mute accepts connections on a socket and does not answer, like a server that
// was suspended.
func mute(t *testing.T) (socket string) {
	t.Helper()
	socket = filepath.Join(shortDir(t), "sql.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				_, _ = io.Copy(io.Discard, conn) // until the client has gone
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	return socket
}

// A server that does not answer is reported as busy, and as the Deacon. When
// the caller gives up, that error says nothing about the server.
func TestASilentServerIsBusy(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	made(t, dir)
	opts := options(dir)
	opts.Socket, opts.Wait = mute(t), lockPoll
	_, err := OpenLocal(t.Context(), opts)
	if !errors.Is(err, town.ErrBusy) || !strings.Contains(err.Error(), fmt.Sprintf("the Deacon (pid %d) does not answer", os.Getpid())) {
		t.Error(err)
	}
	if next := town.Next(err); !strings.Contains(next, "gt deacon status") {
		t.Errorf("next: %q", next)
	}
	opts.Wait = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), lockPoll)
	defer cancel()
	if _, err := OpenLocal(ctx, opts); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, town.ErrBusy) {
		t.Errorf("given up: %v", err)
	}
}

// A command answers within 5 s that the Town's own server does not, and sooner where
// that is known. A server elsewhere gets more time.
func TestDialTime(t *testing.T) {
	if most := 5 * time.Second; socketDial >= most {
		t.Errorf("a command waits %s for the Town's own server, and must answer within %s", socketDial, most)
	}
	external := &External{Address: "db.example.com:3306"}
	for _, c := range []struct {
		name string
		opts Options
		want time.Duration
	}{
		{"the default", Options{}, socketDial},
		{"a short wait", Options{Wait: time.Millisecond}, leastDial},
		{"a wait between the bounds", Options{Wait: 2 * time.Second}, 2 * time.Second},
		{"a long wait", Options{Wait: time.Hour}, socketDial},
		{"a server known to be silent", Options{Wait: time.Hour, Silent: true}, silentDial},
		{"a server elsewhere", Options{External: external}, wire.DialTimeout},
		{"a server elsewhere, a short wait", Options{Wait: time.Millisecond, External: external}, wire.DialTimeout},
	} {
		if got := c.opts.withDefaults().dialTime(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
