package server

import (
	"strings"

	"golang.org/x/sys/unix"
)

// enoughRoom is how many bytes are free on a disk that is not full any more.
const enoughRoom = 1 << 20

// noRoom reports whether a statement found no room. The engine passes on the text of
// such an error, not the error.
func noRoom(err error) bool {
	return err != nil && (strings.Contains(err.Error(), unix.ENOSPC.Error()) || strings.Contains(err.Error(), unix.EDQUOT.Error()))
}

// WasFull reports whether a statement found no room on the disk since the databases
// were opened, and there is room again. The engine keeps such a failure: what writes its
// index then fails until the databases are opened anew, as Lend and its release do.
func (s *Server) WasFull() bool {
	if !s.mu.TryLock() {
		return false // it is being opened or closed
	}
	defer s.mu.Unlock()
	if s.run == nil || !s.run.gate.full.Load() {
		return false
	}
	var st unix.Statfs_t
	if err := unix.Statfs(s.opts.Dir, &st); err != nil {
		return false
	}
	return st.Bavail >= enoughRoom/uint64(max(st.Bsize, 1))
}
