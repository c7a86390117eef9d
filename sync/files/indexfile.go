package files

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"gastown/town"
)

// indexTemp is added to the index file's name while it is being written.
const indexTemp = ".new"

// LoadIndex reads the index at path. A missing file is [os.ErrNotExist], an
// unusable one [ErrBadIndex]; in both cases the caller begins with [NewIndex].
func LoadIndex(path string) (*Index, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open the index of files: %w", err)
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, fmt.Errorf("stat %s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size > maxIndexBytes {
		return nil, fmt.Errorf("%s: %w: not a regular file of at most %d bytes", path, ErrBadIndex, maxIndexBytes)
	}
	b := make([]byte, st.Size)
	if _, err := io.ReadFull(f, b); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("%s: %w: it shrank while it was read", path, ErrBadIndex)
	} else if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	ix, err := decode(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	// Entries are marked racy when they are made. This second net, by the time
	// the index itself was written, holds also when a clock was set back.
	limit := grainBefore(st.Mtim.Nano())
	for i := range ix.records {
		if r := &ix.records[i]; max(r.mtime, r.ctime) >= limit {
			r.racy = true
		}
	}
	return ix, nil
}

// Save writes the index to path (mode 0600): a temporary file beside it,
// flushed, then renamed. On error the old file is as it was. Concurrent Saves
// exclude each other; which index is current is the caller's lock to decide.
func (ix *Index) Save(path string) (err error) {
	defer func() {
		if err != nil {
			err = town.Fail("save the index of files to "+path, nextAfterWrite(err), "%w", err)
		}
	}()
	b, err := ix.encode()
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	// Held for milliseconds, and released with the descriptor. A file system
	// without such locks saves without one: a torn file is found by checksum.
	if err := retryInterrupted(func() error { return unix.Flock(int(dir.Fd()), unix.LOCK_EX) }); err != nil && !unsupported(err) {
		return err
	}
	temp := path + indexTemp
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return dir.Sync()
}
