package deacon

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gastown/town/lockfile"
	"gastown/town/process"
)

// orphansEvery is how many looks of watchOwn lie between two of endOrphans. A gt may be
// killed at any time, and a killed Deacon frees its lock a moment before it counts as
// ended. So one look at the start is not enough.
const orphansEvery = 10

// endOrphans ends git's processes that a killed gt left behind. They wait for a remote
// that may never answer, and hold its lock meanwhile. If one of them was pushing, its
// answer is lost; the next contact with the remote finds out what happened.
func (d *Deacon) endOrphans() {
	left := suspects(filepath.Dir(d.opts.Layout.Lock("")))
	for _, pid := range orphans(left) {
		held := false
		err := process.KillIf(pid, func() bool { held = isOrphan(pid, left); return held })
		switch log := d.log.WithField("pid", pid); {
		case err != nil:
			log.WithError(err).Warn("a process that a killed gt left could not be killed")
		case held:
			log.Info("a process that a killed gt left was killed")
		}
	}
}

// suspects are the locks of remotes, by path, that are held although the process which
// says that it took them has ended. Most looks find none and cost no more than this.
func suspects(locks string) map[string]lockfile.Holder {
	if real, err := filepath.EvalSymlinks(locks); err == nil {
		locks = real // which is what the kernel calls it
	}
	paths, err := filepath.Glob(filepath.Join(locks, "remote-*.lock"))
	if err != nil {
		return nil
	}
	left := map[string]lockfile.Holder{}
	for _, path := range paths {
		if lockfile.Read(path).Runs() {
			continue
		}
		if h, held, err := lockfile.Look(path); err == nil && held && !h.Runs() {
			left[path] = h
		}
	}
	return left
}

// orphans finds the processes that hold a lock although the process that took it has
// ended.
func orphans(left map[string]lockfile.Holder) (found []int) {
	// In a namespace of processes without its own /proc the numbers there are others'.
	if own, err := os.Readlink("/proc/self"); err != nil || own != strconv.Itoa(os.Getpid()) || len(left) == 0 {
		return nil
	}
	all, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range all {
		if pid, err := strconv.Atoi(e.Name()); err == nil && isOrphan(pid, left) {
			found = append(found, pid)
		}
	}
	return found
}

// isOrphan looks at what a process has open. It cannot for the processes of other users,
// which are not this Town's. A process that has the file open after the lock was released,
// as a credential daemon may, holds nothing and is left alone. One that holds the lock of
// a killed gt is an orphan, whatever it is for: the remote would stay blocked.
func isOrphan(pid int, left map[string]lockfile.Holder) bool {
	open := fmt.Sprintf("/proc/%d/fd", pid)
	all, err := os.ReadDir(open)
	if err != nil {
		return false
	}
	for _, fd := range all {
		path, err := os.Readlink(filepath.Join(open, fd.Name()))
		if err != nil {
			continue
		}
		if h, ok := left[path]; ok {
			taker, held := flocked(pid, fd.Name())
			// Another process may have got the taker's number, or may hold the lock
			// and has not said so yet.
			if held && (!process.Alive(taker) || h.PID == taker && h.Start != 0 && !h.Runs()) {
				return true
			}
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
