package deacon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"gastown/town"
	"gastown/town/layout"
	"gastown/town/lockfile"
)

// maxSocketPath is the longest path the kernel takes for a unix socket.
const maxSocketPath = 107

// claimWait is how long a start waits for the lock.
const claimWait = 300 * time.Millisecond

// claim takes the Town's Deacon lock; town.ErrBusy when another has it.
func claim(ctx context.Context, t layout.Town, command string) (*lockfile.Lock, error) {
	// Not at once: whoever only looks (Holder) has it for a moment.
	l, err := lockfile.Acquire(ctx, t.DeaconLock(), lockfile.Options{Command: command, Wait: claimWait})
	var busy *lockfile.BusyError
	switch {
	case errors.As(err, &busy):
		return nil, town.Fail("start the Deacon", "gt deacon status tells about it; gt deacon restart replaces it",
			"%w: %s runs in this Town already", town.ErrBusy, running(busy.Holder))
	case err != nil && ctx.Err() == nil:
		return nil, town.Fail("start the Deacon", "make "+t.Deacon()+" writable for you", "%w", err)
	}
	return l, err
}

// running words who holds the lock.
func running(h lockfile.Holder) string {
	if h.PID > 0 {
		return fmt.Sprintf("a Deacon (pid %d)", h.PID)
	}
	return "a Deacon"
}

// Holder says whether a Deacon runs in the Town, starts or stops, and words
// which. It asks the kernel, not a file.
func Holder(t layout.Town) (who string, held bool, err error) {
	h, held, err := lockfile.Look(t.DeaconLock())
	if err != nil || !held {
		return "", false, err
	}
	return running(h), true, nil
}

// listen opens a unix socket that only the Town's owner can use. What stands
// there is a socket of a Deacon that was killed: the caller holds the lock.
func listen(path string) (net.Listener, error) {
	if err := checkSocket(path); err != nil {
		return nil, err
	}
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != os.ModeSocket {
			return nil, town.Fail("listen on "+path, "move it aside", "%w: it is there and is no socket", town.ErrRefused)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	// Nobody else can reach it before its mode is set: the directory is closed.
	if err := os.Chmod(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// checkSocket refuses a path that the kernel would not take.
func checkSocket(path string) error {
	if len(path) <= maxSocketPath {
		return nil
	}
	return town.Fail("listen on "+path, "move the Town to a directory with a shorter path: gt install there, then gt federation join",
		"%w: the path of a socket has at most %d bytes, this one %d", town.ErrRefused, maxSocketPath, len(path))
}
