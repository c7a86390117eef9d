package deacon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"gastown/town"
	"gastown/town/layout"
)

// maxSocketPath is the longest path the kernel takes for a unix socket.
const maxSocketPath = 107

// claimWait is how long a start waits for the lock, looking every claimPoll.
const (
	claimWait = 300 * time.Millisecond
	claimPoll = 10 * time.Millisecond
)

// holder is what the Deacon says of itself in its lock file, for the error of
// whoever finds the lock taken. The lock itself is the kernel's.
type holder struct {
	PID     int    `json:"pid"`
	Command string `json:"command"`
}

// claim takes the Town's Deacon lock; town.ErrBusy when another has it.
func claim(ctx context.Context, t layout.Town, command string) (*flock.Flock, error) {
	if err := os.MkdirAll(t.Deacon(), 0o700); err != nil {
		return nil, town.Fail("start the Deacon", "make "+t.Private()+" writable for you", "%w", err)
	}
	path := t.DeaconLock()
	l := flock.New(path, flock.SetPermissions(0o600))
	// Not at once: whoever only looks (Holder) has it for a moment.
	wait, cancel := context.WithTimeout(ctx, claimWait)
	defer cancel()
	switch _, err := l.TryLockContext(wait, claimPoll); {
	case err == nil:
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case !errors.Is(err, context.DeadlineExceeded):
		return nil, town.Fail("start the Deacon", "make "+t.Deacon()+" writable for you", "%w", err)
	default:
		return nil, town.Fail("start the Deacon", "gt deacon status tells about it; gt deacon restart replaces it",
			"%w: %s runs in this Town already", town.ErrBusy, running(path))
	}
	// Informational: a failure to write it must not keep the Town from its Deacon.
	if line, err := json.Marshal(holder{PID: os.Getpid(), Command: command}); err == nil {
		_ = os.WriteFile(path, line, 0o600)
	}
	return l, nil
}

// running words who holds the lock.
func running(path string) string {
	var h holder
	if data, err := os.ReadFile(path); err == nil && json.Unmarshal(data, &h) == nil && h.PID > 0 {
		return fmt.Sprintf("a Deacon (pid %d)", h.PID)
	}
	return "a Deacon"
}

// Holder says whether a Deacon runs in the Town, starts or stops, and words
// which. It asks the kernel, not a file.
func Holder(t layout.Town) (who string, held bool, err error) {
	path := t.DeaconLock()
	if _, err := os.Stat(path); os.IsNotExist(err) {
		return "", false, nil
	}
	l := flock.New(path, flock.SetPermissions(0o600), flock.SetFlag(os.O_RDWR))
	got, err := l.TryRLock()
	if err != nil {
		return "", false, err
	}
	if got {
		return "", false, l.Unlock()
	}
	return running(path), true, nil
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
