package doltdb

import (
	"context"
	"errors"
	"io"
	"net"
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
	if !errors.Is(err, town.ErrBusy) || !strings.Contains(err.Error(), "the Deacon does not answer") {
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
	for wait, want := range map[time.Duration]time.Duration{
		0: wire.DialTimeout, time.Millisecond: leastDial, 2 * time.Second: 2 * time.Second, time.Hour: wire.DialTimeout,
	} {
		if got := (Options{Wait: wait}).withDefaults().dialTime(); got != want {
			t.Errorf("who waits %s waits %s for an answer, not %s", wait, got, want)
		}
	}
}
