package doltdb

import (
	"os"

	"golang.org/x/sys/unix"

	"gastown/town"
)

// leastRoom is how many bytes must be free on the disk before a commit begins.
const leastRoom = 256 << 10

// room fails with ENOSPC where the disk of the database is full. The engine writes the
// journal, which makes a commit last, and then its index. If only the index finds no
// room, the engine reports an error, this process does not see the change, and
// whoever opens the database next does. So a commit does not begin then.
func (db *Local) room() error {
	if db.opts.External != nil {
		return nil
	}
	var st unix.Statfs_t
	if err := unix.Statfs(db.opts.Dir, &st); err != nil || st.Blocks == 0 {
		return nil // unknown: the commit itself will tell
	}
	free := st.Bavail
	if os.Geteuid() == 0 {
		free = st.Bfree
	}
	if free < leastRoom/uint64(max(st.Bsize, 1)) {
		return town.Fail("commit to the "+db.opts.name()+" database", "make room on the disk of "+db.opts.Dir+", then run it again",
			"nothing was changed: %w", unix.ENOSPC)
	}
	return nil
}
