// Package lockfile takes advisory locks that say who holds them.
//
// A lock is flock(2) on a file, so it ends with its process, however that ends. The
// holder writes its name into the file, for the error of processes that wait in
// vain; the content has no effect on the lock. A lock file is never removed,
// because a waiting process may have it open.
//
// This package calls flock itself and uses no library for it: a lock may have
// to be inherited by children (see Lock.File), and the libraries hide the
// descriptor.
package lockfile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
	// stoppedAfter is how long a wait lasts before a holder that is stopped ends it:
	// somebody may be about to let it go on.
	stoppedAfter = 2 * time.Second
	// waitingAfter is how long a wait lasts before Options.Waiting is called; most
	// waits are shorter.
	waitingAfter = time.Second

	filePerm fs.FileMode = 0o600
	dirPerm  fs.FileMode = 0o700
)

// Options say how a lock is taken. The zero value makes one attempt.
type Options struct {
	// Command is what this process does, as others see it.
	Command string
	// Wait is how long to wait for another holder: 0 makes one attempt, less
	// than 0 waits until the context ends.
	Wait time.Duration
	// Poll is how often a waiting process looks (default 10 ms).
	Poll time.Duration
	// Op and Next make the error of a lock that stays busy: what failed, and
	// the next step. By default that is to wait and run the command again.
	Op, Next string
	// Existing says that the lock guards what is in its directory already. Then a
	// directory that is not there, because somebody moved or removed it, is
	// fs.ErrNotExist and is not made.
	Existing bool
	// Waiting, if any, is called once when the wait takes longer than a second,
	// on another goroutine.
	Waiting func(Holder)
	// Before, if any, is called before each attempt. When it says that the lock
	// is not needed any more, or fails, Acquire returns a nil Lock and its error.
	Before func() (unneeded bool, err error)
}

// BusyError is the cause of the error that reports a busy lock, from Acquire or
// from a single attempt. It is a town.ErrBusy.
type BusyError struct {
	// Path is the file that is locked.
	Path   string
	Holder Holder
	// Waited is how long; 0 when there was one attempt.
	Waited time.Duration
}

func (e *BusyError) Error() string {
	text := town.ErrBusy.Error() + ": held by " + e.Holder.String()
	if e.Waited > 0 {
		text += " (waited " + e.Waited.String() + ")"
	}
	return text
}

func (e *BusyError) Unwrap() error { return town.ErrBusy }

// Lock is held until Release.
type Lock struct {
	file    *os.File
	command string
	state   string // the last note
}

// Acquire takes the lock at path and writes who holds it. It makes the file (0600)
// when it is missing, and its directory (0700), too, unless Options.Existing is set.
// A lock that stays busy for Options.Wait is town.ErrBusy, and the error names the
// holder. When ctx ends, its cause is returned.
func Acquire(ctx context.Context, path string, opts Options) (*Lock, error) {
	open := create
	if opts.Existing {
		open = inPlace
	}
	f, err := open(path)
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

// Try makes one attempt and writes nothing: Note does. The Lock is nil when
// another holds it. Try makes the file and its directory when they are missing.
func Try(path, command string) (*Lock, error) { return try(path, command, create) }

// TryExisting is Try in a directory that must exist, as with Options.Existing.
func TryExisting(path, command string) (*Lock, error) { return try(path, command, inPlace) }

func try(path, command string, open func(string) (*os.File, error)) (*Lock, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	ok, err := flock(f, unix.LOCK_EX)
	if !ok || err != nil {
		_ = f.Close() // nothing was locked or written
		return nil, err
	}
	return &Lock{file: f, command: command}, nil
}

// create opens a lock file and makes its directory if need be.
func create(path string) (*os.File, error) {
	f, err := inPlace(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if err := os.MkdirAll(filepath.Dir(path), dirPerm); err != nil {
		return nil, err
	}
	return inPlace(path)
}

// inPlace opens a lock file in a directory that exists.
func inPlace(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, filePerm)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) {
		// The holder cannot be recorded, but the lock can be held.
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
	var deadline <-chan time.Time
	if opts.Wait >= 0 {
		deadline = time.After(opts.Wait)
	}
	var quiet func() bool
	look := time.NewTicker(stoppedAfter)
	defer look.Stop()
	late := false
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
		if late {
			return nil, opts.busy(f.Name(), opts.Wait)
		}
		if quiet == nil && opts.Waiting != nil {
			quiet = time.AfterFunc(waitingAfter, func() { opts.Waiting(Read(f.Name())) }).Stop
			defer quiet()
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-deadline:
			late = true // this process may not have run for a while: it makes a last attempt
		case <-look.C:
			if tell && Read(f.Name()).Stopped() {
				return nil, opts.busy(f.Name(), stoppedAfter)
			}
		case <-tick.C:
		}
	}
}

// busy is the error of a lock that another process still holds.
func (o Options) busy(path string, waited time.Duration) error {
	h := Read(path)
	next := cmp.Or(o.Next, "wait for it to finish, then run the command again")
	if h.Stopped() {
		next = fmt.Sprintf("kill -CONT %d lets it go on", h.PID)
	}
	return &town.Error{
		Op: cmp.Or(o.Op, "lock "+path), Next: next, Err: &BusyError{Path: path, Holder: h, Waited: waited},
	}
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
