package deacon

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gastown/town/process"
)

// orphansEvery is how many looks of watchOwn lie between two of endOrphans. A gt may be
// killed at any time, and the kernel ends its git a moment later than it frees the Deacon's
// lock, so one look at the start is not enough.
const orphansEvery = 10

// endOrphans ends git's processes that a killed gt left behind. They wait for a remote
// that may never answer, and hold its lock meanwhile. If one of them was pushing, its
// answer is lost; the next contact with the remote finds out what happened.
func (d *Deacon) endOrphans() {
	locks := filepath.Dir(d.opts.Layout.Lock(""))
	if real, err := filepath.EvalSymlinks(locks); err == nil {
		locks = real // which is what the kernel calls it
	}
	for _, pid := range orphans(locks) {
		if err := process.KillIf(pid, func() bool { return isOrphan(pid, locks) }); err != nil {
			d.log.WithError(err).WithField("pid", pid).Warn("a process that a killed gt left could not be ended")
			continue
		}
		d.log.WithField("pid", pid).Info("a process that a killed gt left was ended")
	}
}

// orphans finds the processes that hold the lock of one of the Town's remotes although
// the process that took it has ended.
func orphans(locks string) (found []int) {
	all, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range all {
		if pid, err := strconv.Atoi(e.Name()); err == nil && isOrphan(pid, locks) {
			found = append(found, pid)
		}
	}
	return found
}

// isOrphan looks at what a process has open. It cannot for the processes of other users,
// which are not this Town's. A process that has the file open after the lock was released,
// as a credential daemon may, holds nothing.
func isOrphan(pid int, locks string) bool {
	open := fmt.Sprintf("/proc/%d/fd", pid)
	all, err := os.ReadDir(open)
	if err != nil {
		return false
	}
	for _, fd := range all {
		path, err := os.Readlink(filepath.Join(open, fd.Name()))
		if err != nil || filepath.Dir(path) != locks || !strings.HasPrefix(filepath.Base(path), "remote-") {
			continue
		}
		if taker, held := flocked(pid, fd.Name()); held && !process.Alive(taker) {
			return true
		}
	}
	return false
}

// flocked reports whether an open file of a process holds a flock(2), and which process
// took it: 0 for one that has ended, where the kernel does not say any more. See
// proc_pid_fdinfo(5): "lock: 1: FLOCK ADVISORY WRITE TAKER ...".
func flocked(pid int, fd string) (taker int, held bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%s", pid, fd))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 5 && f[0] == "lock:" && f[2] == "FLOCK" {
			if taker, err = strconv.Atoi(f[5]); err == nil {
				return taker, true
			}
		}
	}
	return 0, false
}
