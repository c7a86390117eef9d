package files

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"gastown/town"
)

// indexTemp is added to the index file's name while it is being written.
const indexTemp = ".new"

// LoadIndex reads the index at path. A missing file is [os.ErrNotExist], an
// unusable one [ErrBadIndex]; in both cases the caller begins with [NewIndex].
// What a killed Save left at the end of the file is ignored.
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
	ix.file.head, ix.file.listed = ix.Head, ix.listed
	return ix, nil
}

// Save writes the index to path (mode 0600). Where the file there is the one
// that was loaded or last saved, and little has changed since, the changes are
// added to its end and flushed; else a temporary file beside it is written,
// flushed and renamed. On error, and after a crash, the index there is the
// former one or this one, whole. Concurrent Saves exclude each other; which
// index is current is the caller's lock to decide.
func (ix *Index) Save(path string) (err error) {
	if path == ix.file.path && ix.file.end > 0 && len(ix.dirty) == 0 && ix.Head == ix.file.head && ix.listed == ix.file.listed {
		if _, err := os.Lstat(path); err == nil {
			return nil
		}
	}
	defer func() {
		if err != nil {
			ix.file.end = 0
			err = town.Fail("save the index of files to "+path, nextAfterWrite(err), "%w", err)
		}
	}()
	if len(ix.Head) > maxHead {
		return fmt.Errorf("head %.40q... is longer than %d bytes", ix.Head, maxHead)
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
	// Entries are marked racy when they are made. This second net, by the time
	// the index itself is written, holds also when a clock was set back.
	limit := int64(0)
	if now, ok := fsNow(int(dir.Fd())); ok {
		limit = grainBefore(now)
	}
	added, err := ix.add(path, limit)
	if err == nil && !added {
		err = ix.write(path, dir, limit)
	}
	if err != nil {
		return err
	}
	for _, i := range ix.dirty {
		ix.fresh[i].dirty = false
	}
	ix.dirty = nil
	ix.file.path, ix.file.head, ix.file.listed = path, ix.Head, ix.listed
	return nil
}

// add saves by adding to the file. It reports false when it must be written anew.
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
		return false, nil // a file can still be put in its place
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

// write saves by writing a whole file.
func (ix *Index) write(path string, dir *os.File, limit int64) error {
	b, err := ix.encode(limit)
	if err != nil {
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
	ix.file.prefix, ix.file.start, ix.file.end = [indexPrefix]byte(b), int64(len(b)), int64(len(b))
	return dir.Sync()
}
