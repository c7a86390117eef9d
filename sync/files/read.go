package files

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"gastown/town"
)

const (
	// defaultReadTries is how often a file that is being written is tried, and
	// defaultReadPause how long the first pause between tries is; it doubles.
	defaultReadTries = 4
	defaultReadPause = 2 * time.Millisecond
)

var (
	errTooLarge   = errors.New("is too large")
	errNotRegular = errors.New("is not a regular file")
	errWriting    = fmt.Errorf("%w: is being written just now", town.ErrBusy)
)

// read returns the whole text of a file and the stamp it had before and after.
// A file that is being written is tried again a few times, then errWriting.
func (d *dir) read(ctx context.Context, file string) ([]byte, stamp, error) {
	pause := defaultReadPause
	for try := 1; ; try++ {
		text, s, err := d.readOnce(file)
		if !errors.Is(err, errWriting) || try == defaultReadTries {
			return text, s, err
		}
		select { // nothing tells when a stranger is done writing
		case <-ctx.Done():
			return nil, stamp{}, context.Cause(ctx)
		case <-time.After(pause):
			pause *= 2
		}
	}
}

func (d *dir) readOnce(file string) ([]byte, stamp, error) {
	fd, err := d.openRegular(file)
	if err != nil {
		return nil, stamp{}, err
	}
	defer unix.Close(fd)
	return readQuiet(fd)
}

// openRegular opens a regular file for reading, and nothing else.
func (d *dir) openRegular(file string) (int, error) {
	st, err := lstat(d.fd, file)
	if err == nil && !regular(&st) {
		return -1, errNotRegular // opening a pipe or device may have effects
	}
	fd := -1
	if err == nil {
		fd, err = openat(d.fd, file, unix.O_RDONLY, 0)
	}
	if errors.Is(err, unix.ELOOP) {
		return -1, errNotRegular
	}
	return fd, err
}

// readQuiet reads an open file that nobody may be writing to meanwhile: it
// asks for a read lease, which the kernel refuses while any descriptor can
// write to the file, and compares the file's times around the reading.
func readQuiet(fd int) ([]byte, stamp, error) {
	var before, after unix.Stat_t
	if err := unix.Fstat(fd, &before); err != nil {
		return nil, stamp{}, err
	}
	if !regular(&before) {
		return nil, stamp{}, errNotRegular
	}
	if before.Size > town.MaxDocumentBytes {
		return nil, stampOf(&before), fmt.Errorf("%w: it %s", errTooLarge, tooLarge(before.Size))
	}
	// The lease ends with the descriptor. Where there are no leases, or they
	// are not ours to take, the times must do.
	_, noLease := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK)
	if errors.Is(noLease, unix.EAGAIN) {
		return nil, stamp{}, errWriting
	}
	text := make([]byte, before.Size+1)
	n, err := readFull(fd, text)
	if err != nil {
		return nil, stamp{}, err
	}
	if err := unix.Fstat(fd, &after); err != nil {
		return nil, stamp{}, err
	}
	if noLease == nil {
		// Someone may be waiting for the lease to end, to write.
		if held, err := unix.FcntlInt(uintptr(fd), unix.F_GETLEASE, 0); err == nil && held != unix.F_RDLCK {
			return nil, stamp{}, errWriting
		}
	}
	if s := stampOf(&after); s == stampOf(&before) && int64(n) == s.size {
		return text[:n], s, nil
	}
	return nil, stamp{}, errWriting
}

// readFull reads until b is full or the file ends, and returns how much that was.
func readFull(fd int, b []byte) (n int, err error) {
	for n < len(b) {
		got := 0
		err := retryInterrupted(func() (err error) { got, err = unix.Read(fd, b[n:]); return err })
		if err != nil || got == 0 {
			return n, err
		}
		n += got
	}
	return n, nil
}
