package doltdb

import (
	"fmt"
	"os"
	"path/filepath"
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
	settled = true
	for _, name := range []string{engine.Journal, "manifest"} {
		var st syscall.Stat_t
		if err := syscall.Stat(filepath.Join(o.Dir, engine.StoreDir, name), &st); err != nil {
			if os.IsNotExist(err) {
				sign += " none"
				continue
			}
			return "", true, false
		}
		sign += fmt.Sprintf(" %d.%d.%d.%d", st.Ino, st.Size, st.Mtim.Sec, st.Mtim.Nsec)
		settled = settled && time.Since(time.Unix(st.Mtim.Unix())) >= settleTime
	}
	return sign, settled, true
}
