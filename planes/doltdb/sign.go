package doltdb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"gastown/planes/doltdb/internal/engine"
)

// settleTime is how long after its last write a database's files may still
// change what a reader sees: the engine writes the journal first.
const settleTime = 2 * time.Second

// Sign is a cheap hint, made of two stat calls, of whether the database at
// Options.Dir has changed: equal signs mean that nothing was written in between.
// The database is not opened. settled says that the last write is visible to
// readers; ask again soon when it is not. ok is false when the files are not on
// this machine: then only the database can tell.
func Sign(o Options) (sign string, settled, ok bool) {
	if o.External != nil {
		return "", true, false
	}
	sign, written, err := FileState(o.Dir)
	if err != nil {
		return "", true, false
	}
	return sign, time.Since(written) >= settleTime, true
}

// Grew reports whether a database that had the sign before may have come to the sign
// after by writes alone: the same journal, and not shorter. A copy that was put in
// its place has another journal; so has a database that was collected meanwhile.
// Without a sign after, only the database can tell, and Grew reports true.
func Grew(before, after string) bool {
	if after == "" {
		return true
	}
	var was, is struct{ inode, size int64 }
	for sign, to := range map[string]*struct{ inode, size int64 }{before: &was, after: &is} {
		if _, err := fmt.Sscanf(strings.TrimSpace(sign), "%d.%d.", &to.inode, &to.size); err != nil {
			return false
		}
	}
	return was.inode == is.inode && was.size <= is.size || before == after
}

// FileState tells states of the database at dir apart without opening it. Every
// commit shows in two files of the engine: the journal of new writes grows, and a
// garbage collection replaces the manifest. written is when the newer of them was
// last written.
func FileState(dir string) (state string, written time.Time, err error) {
	for _, path := range WatchedFiles(dir) {
		var st syscall.Stat_t
		switch err := syscall.Stat(path, &st); {
		case errors.Is(err, os.ErrNotExist):
			state += " none"
		case err != nil:
			return "", written, fmt.Errorf("examine %s: %w", path, err)
		default:
			state += fmt.Sprintf(" %d.%d.%d.%d", st.Ino, st.Size, st.Mtim.Sec, st.Mtim.Nsec)
			if at := time.Unix(st.Mtim.Unix()); at.After(written) {
				written = at
			}
		}
	}
	return state, written, nil
}

// WatchedFiles are the files that FileState examines.
func WatchedFiles(dir string) []string {
	return []string{filepath.Join(dir, engine.StoreDir, engine.Journal), filepath.Join(dir, engine.StoreDir, engine.Manifest)}
}
