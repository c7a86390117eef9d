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
	// defaultReadTries is how often a file is read that somebody is writing to, which
	// takes a quarter of a second. defaultReadPause is the first pause between two
	// tries; it doubles each time.
	defaultReadTries = 8
	defaultReadPause = 2 * time.Millisecond
	// defaultFewTries is how often that is when the reads of one directory have paused
	// for defaultPatience together, because many files are being written.
	defaultFewTries = 4
	defaultPatience = 2 * time.Second
)

var (
	errTooLarge   = errors.New("is too large")
	errNotRegular = errors.New("is not a regular file")
	errWriting    = fmt.Errorf("%w: another program is writing to it", town.ErrBusy)
)

// read returns the whole text of a file and the stamp it had before and after.
// A file that is being written is tried again a few times, then errWriting. A program
// that has closed the file can still seem to write: a process that it started has the
// descriptor until it runs another program.
func (d *dir) read(ctx context.Context, file string) ([]byte, stamp, error) {
	pause := defaultReadPause
	for try := 1; ; try++ {
		text, s, err := d.readOnce(file)
		if !errors.Is(err, errWriting) || try == defaultReadTries || try >= defaultFewTries && d.paused.Load() >= int64(defaultPatience) {
			return text, s, err
		}
		d.between("busy")
		d.paused.Add(int64(pause))
		select { // there is no event for the end of another program's writing
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
		return -1, errNotRegular // opening a pipe or a device can have effects
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

// readQuiet reads an open file that nobody writes to meanwhile. It asks for a read
// lease, which the kernel refuses while any descriptor can write to the file, and
// it compares the file's times before and after reading.
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
	// The lease ends with the descriptor. Where there are no leases, or this user may
	// not take one, comparing the times must suffice.
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
		// The kernel breaks the lease when somebody opens the file to write.
		if held, err := unix.FcntlInt(uintptr(fd), unix.F_GETLEASE, 0); err == nil && held != unix.F_RDLCK {
			return nil, stamp{}, errWriting
		}
	}
	if s := stampOf(&after); s == stampOf(&before) && int64(n) == s.size {
		return text[:n], s, nil
	}
	return nil, stamp{}, errWriting
}

// readFull reads until b is full or the file ends. It returns how many bytes it read.
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

// defaultTextBytes bounds the texts that one Scan holds; see Change.Unread.
const defaultTextBytes = 32 << 20

// Text returns the text of a change that Scan reported. It reads the file again if
// the text is Unread. It fails with ErrEdited if the file is no longer what was
// reported, and with town.ErrBusy if somebody is writing to it; the next Scan then
// reports the file anew. Errors name the file. Text may run in another goroutine
// than the Tree's other methods.
func (t *Tree) Text(ctx context.Context, c Change) (string, error) {
	if !c.Unread {
		return c.Text, nil
	}
	text, err := t.reread(ctx, c)
	if err != nil {
		return "", fmt.Errorf("%s: %w", town.Clip(c.Path(), 120), err)
	}
	return text, nil
}

// reread reads the file of a change again. A fault of the file or of its directory,
// such as a Scan reports as invalid, is ErrEdited.
func (t *Tree) reread(ctx context.Context, c Change) (string, error) {
	kind, err := kindNumber(c.Key)
	if err != nil {
		return "", err
	}
	d, err := t.open(kind, false)
	if gone(err) || errors.Is(err, errNoDirectory) {
		return "", ErrEdited
	}
	if err != nil {
		return "", err
	}
	defer d.close()
	text, _, err := d.read(ctx, d.file(c.Name))
	switch {
	case err == nil && town.ContentDigest(string(text)) == c.Content:
		return string(text), nil
	case err == nil, gone(err):
		return "", ErrEdited
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.Is(err, town.ErrBusy):
		return "", err
	}
	return "", fmt.Errorf("%w: %w", ErrEdited, err)
}
