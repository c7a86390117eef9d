package files

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"gastown/town"
	"gastown/town/durable"
)

// LoadIndex reads the index at path. It fails with [os.ErrNotExist] for a missing
// file and with [ErrBadIndex] for an unusable one; in both cases the caller starts
// with [NewIndex]. It ignores what a killed Save left at the end of the file.
func LoadIndex(path string) (*Index, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open the index of files: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > maxIndexBytes {
		return nil, fmt.Errorf("%s: %w: not a regular file of at most %d bytes", path, ErrBadIndex, maxIndexBytes)
	}
	ix, start, prefix, err := decode(f, st.Size())
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	log := make([]byte, st.Size()-start)
	if err := readAt(f, log, start); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	ix.file = savedFile{path: path, prefix: prefix, start: start}
	if ix.replay(prefix[:], log) == len(log) && formatOf(prefix[:]) == indexFormat {
		ix.file.end = st.Size()
	}
	ix.file.commits, ix.file.dirTimes = ix.commits(), ix.dirTimes
	return ix, nil
}

// Save writes the index to path (mode 0600). If the file is the one that was loaded
// or last saved, and little has changed since, Save appends the changes and
// flushes them. Otherwise it writes a temporary file beside it, flushes and
// renames it. After an error or a crash the file holds the former index or this
// one, whole. Concurrent Saves exclude each other. The caller's own lock decides
// whose index is current.
func (ix *Index) Save(path string) (err error) {
	if path == ix.file.path && ix.file.end > 0 && len(ix.dirty) == 0 && ix.commits() == ix.file.commits && ix.dirTimes == ix.file.dirTimes {
		if _, err := os.Lstat(path); err == nil {
			return nil
		}
	}
	defer func() {
		if err != nil {
			ix.file.end = 0
			err = town.Fail("save the index of files to "+path, durable.Advice(err), "%w", err)
		}
	}()
	if len(ix.commits()) > maxHead {
		return errLongHead(ix)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	// The lock is held for milliseconds and ends with the descriptor. On a file
	// system without locks Save goes on: the checksums find a torn file.
	if err := retryInterrupted(func() error { return unix.Flock(int(dir.Fd()), unix.LOCK_EX) }); err != nil && !unsupported(err) {
		return err
	}
	// Entries were marked racy when they were made. Marking them again, by the time
	// at which the index is written, also holds when a clock was set back.
	limit := int64(0)
	if now, ok := fsNow(int(dir.Fd())); ok {
		limit = grainBefore(now)
	}
	added, err := ix.add(path, limit)
	if err == nil && !added {
		err = ix.write(path, limit)
	}
	if err != nil {
		return err
	}
	for _, i := range ix.dirty {
		ix.fresh[i].dirty = false
	}
	ix.dirty = nil
	ix.file.path, ix.file.commits, ix.file.dirTimes = path, ix.commits(), ix.dirTimes
	return nil
}

// add saves the index by appending to the file. It returns false when the file must
// be written anew.
func (ix *Index) add(path string, limit int64) (bool, error) {
	if path != ix.file.path || ix.file.end == 0 {
		return false, nil
	}
	room := ix.file.start + defaultLogBytes - ix.file.end
	if int64(len(ix.dirty)*fixedEntry) > room {
		return false, nil
	}
	b := ix.encodeChanges(ix.file.prefix[:], limit)
	if int64(len(b)) > room {
		return false, nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return false, nil // writing a new file may still succeed
	}
	defer f.Close()
	added, err := ix.file.add(f, b)
	if added && err == nil {
		if err = retryInterrupted(func() error { return unix.Fdatasync(int(f.Fd())) }); err == nil {
			ix.file.end += int64(len(b))
		}
	}
	return added, err
}

// write saves the index by writing a whole file.
func (ix *Index) write(path string, limit int64) error {
	b, err := ix.encode(limit)
	if err != nil {
		return err
	}
	// A killed process may have left a temporary file; the caller has the lock.
	if err := durable.Sweep(path); err != nil {
		return err
	}
	if err := durable.WriteFile(path, b, 0o600); err != nil {
		return err
	}
	ix.file.prefix, ix.file.start, ix.file.end = [indexPrefix]byte(b), int64(len(b)), int64(len(b))
	return nil
}
