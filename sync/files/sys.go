package files

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"gastown/town"
)

// defaultPoll is the pause between two tries for a lock that another process has.
const defaultPoll = 10 * time.Millisecond

// openat opens a name in dir. It follows no symbolic link and never blocks, whatever
// kind of file the name is.
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

// lstat returns the state of a name. It follows no symbolic link.
func lstat(dir int, name string) (unix.Stat_t, error) {
	var st unix.Stat_t
	err := retryInterrupted(func() error { return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	return st, err
}

func stampOf(st *unix.Stat_t) stamp {
	return stamp{size: st.Size, mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano(), ino: st.Ino}
}

func regular(st *unix.Stat_t) bool { return st.Mode&unix.S_IFMT == unix.S_IFREG }

// unsupported reports whether an error says that the file system lacks an operation.
func unsupported(err error) bool {
	return errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) ||
		errors.Is(err, unix.ENOLCK) || errors.Is(err, unix.EBADF)
}

// lock takes the lock on the tree. It waits until ctx ends while another process has
// the lock; with wait false it fails with town.ErrBusy instead. The lock is on the
// open directory, so it needs no file of its own and ends with the process.
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
			return release, nil // no locks here: the caller's own lock must suffice
		case err != unix.EWOULDBLOCK:
			release()
			return nil, err
		case !wait:
			release()
			return nil, fmt.Errorf("%s: %w: another process is writing files there", t.path, town.ErrBusy)
		}
		// No call waits for both a flock and a context, hence the polling.
		select {
		case <-ctx.Done():
			release()
			return nil, fmt.Errorf("%s: %w: another process is writing files there: %w", t.path, town.ErrBusy, context.Cause(ctx))
		case <-time.After(defaultPoll):
		}
	}
}
