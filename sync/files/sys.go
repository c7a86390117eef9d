package files

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"gastown/town"
)

// defaultPoll is how often a lock that another process holds is tried again.
const defaultPoll = 10 * time.Millisecond

// openat opens a name below dir without ever following a link in its last
// element, and never blocks, whatever the name turns out to be.
func openat(dir int, name string, flags int, mode uint32) (int, error) {
	fd := -1
	err := retryInterrupted(func() (err error) {
		fd, err = unix.Openat(dir, name, flags|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, mode)
		return err
	})
	return fd, err
}

func retryInterrupted(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// lstat is the state of a name, links not followed.
func lstat(dir int, name string) (unix.Stat_t, error) {
	var st unix.Stat_t
	err := retryInterrupted(func() error { return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	return st, err
}

func stampOf(st *unix.Stat_t) stamp {
	return stamp{size: st.Size, mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano(), ino: st.Ino}
}

func regular(st *unix.Stat_t) bool { return st.Mode&unix.S_IFMT == unix.S_IFREG }

// unsupported reports that a file system lacks an operation, which says nothing
// of the file it was tried on.
func unsupported(err error) bool {
	return errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) ||
		errors.Is(err, unix.ENOLCK) || errors.Is(err, unix.EBADF)
}

// nextAfterWrite is the one step that helps after a write failed with err.
func nextAfterWrite(err error) string {
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return "make room on that disk, then run the command again; nothing was lost"
	case errors.Is(err, unix.EROFS):
		return "mount that directory writable, then run the command again"
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return "give this user the right to write there, then run the command again"
	}
	return ""
}

// lock takes the lock on the tree. It waits while another process has it, until
// ctx ends; with wait false it reports town.ErrBusy instead. The lock lies on an
// open directory, so it needs no file and ends with its process.
func (t *Tree) lock(ctx context.Context, wait bool) (release func(), err error) {
	fd, err := openat(int(t.root.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	release = func() { unix.Close(fd) }
	for {
		err := retryInterrupted(func() error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
		switch {
		case err == nil:
			return release, nil
		case err != unix.EWOULDBLOCK && wait && unsupported(err):
			return release, nil // the caller's own lock must do
		case err != unix.EWOULDBLOCK:
			release()
			return nil, err
		case !wait:
			release()
			return nil, fmt.Errorf("%s: %w: another process is writing files there", t.path, town.ErrBusy)
		}
		// A flock cannot be awaited together with a context, hence the ticks.
		select {
		case <-ctx.Done():
			release()
			return nil, fmt.Errorf("%s: %w: another process is writing files there: %w", t.path, town.ErrBusy, context.Cause(ctx))
		case <-time.After(defaultPoll):
		}
	}
}
