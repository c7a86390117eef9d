// Package lockfile takes advisory locks that say who holds them.
//
// A lock is flock(2) on a file, so it ends with its process, however that ends.
// The holder writes into the file who it is, for the error of whoever waits in
// vain; what is written has no effect on the lock. A lock file is never
// removed: a process that waits may have it open.
//
// This package calls flock itself and uses no library for it: a lock may have
// to be inherited by children (see Lock.File), and the libraries hide the
// descriptor.
package lockfile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"gastown/town"
)

const (
	// defaultPoll is how often a waiting process looks whether the lock is free.
	defaultPoll = 10 * time.Millisecond
	// waitingAfter is how long a wait lasts before Options.Waiting is called:
	// most waits are shorter and nobody needs to hear of them.
	waitingAfter = time.Second

	filePerm fs.FileMode = 0o600
	dirPerm  fs.FileMode = 0o700
)

// Options say how a lock is taken. The zero value makes one attempt and writes
// no command.
type Options struct {
	// Command is what others are told that this process does.
	Command string
	// Wait is how long to wait for another holder; 0 makes one attempt.
	Wait time.Duration
	// Poll is how often a waiting process looks (default 10 ms).
	Poll time.Duration
	// Op and Next make the error of a lock that stays busy: what failed, and
	// the next step.
	Op, Next string
	// Describe words the holder for that error and for Waiting; nil means
	// Holder.String.
	Describe func(Holder) string
	// Waiting, if any, is called once when the wait takes longer than a second,
	// on another goroutine, with the words of Describe.
	Waiting func(holder string)
	// Before, if any, is called before each attempt. When it says that the lock
	// is not needed any more, or fails, Acquire returns a nil Lock and its error.
	Before func() (unneeded bool, err error)
}

// defaultNext is the advice of a busy lock whose Options name none.
const defaultNext = "wait for it to finish, then run the command again"

func (o Options) describe(h Holder) string {
	if o.Describe != nil {
		return o.Describe(h)
	}
	return h.String()
}

// Lock is held until Release.
type Lock struct {
	file    *os.File
	command string
}

// Acquire takes the lock at path and writes who holds it. It makes the file
// (0600) and its directory (0700) when they are missing. A lock that stays busy
// for Options.Wait is town.ErrBusy, and the error names the holder. When ctx
// ends, its cause is returned.
func Acquire(ctx context.Context, path string, opts Options) (*Lock, error) {
	f, err := create(path)
	if err != nil {
		return nil, err
	}
	return acquire(ctx, f, opts, true)
}

// AcquireDir takes a lock on a directory that exists. Nothing says who holds it.
func AcquireDir(ctx context.Context, dir string, opts Options) (*Lock, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	return acquire(ctx, f, opts, false)
}

// Try makes one attempt and writes nothing; nil when another holds the lock.
func Try(path string) (*Lock, error) {
	f, err := create(path)
	if err != nil {
		return nil, err
	}
	ok, err := flock(f, unix.LOCK_EX)
	if !ok || err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Lock{file: f}, nil
}

func create(path string) (*os.File, error) {
	f, err := open(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if err := os.MkdirAll(filepath.Dir(path), dirPerm); err != nil {
		return nil, err
	}
	return open(path)
}

func open(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, filePerm)
	if errors.Is(err, fs.ErrPermission) {
		// It cannot be said who holds it, but it can be held.
		if r, err := os.Open(path); err == nil {
			return r, nil
		}
	}
	return f, err
}

// acquire takes over the file, also when it fails.
func acquire(ctx context.Context, f *os.File, opts Options, tell bool) (l *Lock, err error) {
	defer func() {
		if l == nil {
			_ = f.Close() // nothing was locked or written
		}
	}()
	poll := opts.Poll
	if poll <= 0 {
		poll = defaultPoll
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	deadline := time.After(max(opts.Wait, 0))
	var quiet func() bool
	for {
		if opts.Before != nil {
			if unneeded, err := opts.Before(); unneeded || err != nil {
				return nil, err
			}
		}
		ok, err := flock(f, unix.LOCK_EX)
		if err != nil {
			return nil, err
		}
		if ok {
			l = &Lock{file: f, command: opts.Command}
			if tell {
				l.Note("")
			}
			return l, nil
		}
		if quiet == nil && opts.Waiting != nil {
			quiet = time.AfterFunc(waitingAfter, func() { opts.Waiting(opts.describe(holderIn(f.Name()))) }).Stop
			defer quiet()
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-deadline:
			return nil, Busy(f.Name(), opts)
		case <-tick.C:
		}
	}
}

// Busy is the error of a lock that another process holds.
func Busy(path string, opts Options) error {
	op, next := opts.Op, opts.Next
	if op == "" {
		op = "lock " + path
	}
	if next == "" {
		next = defaultNext
	}
	who := opts.describe(holderIn(path))
	if opts.Wait <= 0 {
		return town.Fail(op, next, "%w: held by %s", town.ErrBusy, who)
	}
	return town.Fail(op, next, "%w: held by %s (waited %s)", town.ErrBusy, who, opts.Wait)
}

// flock makes one attempt.
func flock(f *os.File, how int) (bool, error) {
	for {
		switch err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, unix.EINTR):
			return false, &os.PathError{Op: "lock", Path: f.Name(), Err: err}
		}
	}
}

// File is the locked file. A child that inherits it keeps the lock until it has
// ended too, unless Release comes first.
func (l *Lock) File() *os.File { return l.file }

// Path is the path of the locked file.
func (l *Lock) Path() string { return l.file.Name() }

// Release frees the lock at once, also where a child still has the file. It may
// be called once.
func (l *Lock) Release() error {
	return errors.Join(unix.Flock(int(l.file.Fd()), unix.LOCK_UN), l.file.Close())
}
