package deacon

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"

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
		if h, held, err := lockfile.Look(path); err == nil && held && !h.Runs() {
			left[path] = h
		}
	}
	return left
}

// orphans finds the processes that hold a lock although the process that took it has
// ended.
func orphans(left map[string]lockfile.Holder) []int {
	// In a namespace of processes without its own /proc the numbers there are others'.
	if own, err := os.Readlink("/proc/self"); err != nil || own != strconv.Itoa(os.Getpid()) || len(left) == 0 {
		return nil
	}
	all, err := process.All()
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(all, func(pid int) bool { return !isOrphan(pid, left) })
}

// isOrphan looks at what a process has open. It cannot for the processes of other users,
// which are not this Town's. A process that has the file open after the lock was released,
// as a credential daemon may, holds nothing and is left alone. One that holds the lock of
// a killed gt is an orphan, whatever it is for: the remote would stay blocked.
func isOrphan(pid int, left map[string]lockfile.Holder) bool {
	open, err := process.Open(pid)
	if err != nil {
		return false
	}
	for descriptor, path := range open {
		h, ok := left[path]
		if !ok {
			continue
		}
		// Another process may have got the taker's number, or may hold the lock and
		// has not said so yet.
		taker, held := process.Flocked(pid, descriptor)
		if held && (!process.Alive(taker) || h.PID == taker && h.Start != 0 && !h.Runs()) {
			return true
		}
	}
	return false
}
