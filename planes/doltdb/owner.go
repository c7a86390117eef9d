package doltdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"gastown/town"
)

// lockPoll is how often a waiting process looks whether the lock is free.
const lockPoll = 5 * time.Millisecond

// holder is what the process that has a database open says of itself in the
// lock file, for the error message of whoever waits in vain.
type holder struct {
	PID     int    `json:"pid"`
	Command string `json:"command"`
}

// own takes the lock beside the database directory. The lock is the operating
// system's: it vanishes with the process that holds it, however that ends.
func own(ctx context.Context, opts Options) (*flock.Flock, error) {
	path := opts.Dir + ".lock"
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	lock := flock.New(path, flock.SetPermissions(0o600))
	wait, cancel := context.WithTimeout(ctx, opts.Wait)
	defer cancel()
	ok, err := lock.TryLockContext(wait, lockPoll)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if errors.Is(err, context.DeadlineExceeded) || (err == nil && !ok) {
		return nil, busy(opts, path)
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	// Informational: a failure to write it must not fail the command.
	if line, err := json.Marshal(holder{PID: os.Getpid(), Command: opts.Command}); err == nil {
		_ = os.WriteFile(path, line, 0o600)
	}
	return lock, nil
}

func busy(opts Options, path string) error {
	who := "another process"
	var h holder
	if data, err := os.ReadFile(path); err == nil && json.Unmarshal(data, &h) == nil && h.PID > 0 {
		who = fmt.Sprintf("pid %d, %s", h.PID, town.Clip(h.Command, 120))
	}
	return town.Fail("open the "+opts.name()+" database",
		"wait for it to finish, then run the command again",
		"%w: held by %s (waited %s)", town.ErrBusy, who, opts.Wait)
}
