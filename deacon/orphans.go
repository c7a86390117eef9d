package deacon

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gastown/town/process"
)

// endOrphans ends git's helper processes that a killed gt left behind. They wait
// for a remote that may never answer, and hold its lock meanwhile. If one of them
// was pushing, its answer is lost; the next contact with the remote finds out what
// happened.
func (d *Deacon) endOrphans(context.Context) error {
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
	return nil
}

// orphans finds the processes that hold the lock of one of the Town's remotes
// although the git process that led their session has ended.
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

func isOrphan(pid int, locks string) bool {
	session, err := process.Session(pid)
	if err != nil || session == pid {
		return false
	}
	if _, err := os.Stat(fmt.Sprint("/proc/", session)); !os.IsNotExist(err) {
		return false // the leader lives, or another process has its number
	}
	// The descriptors of other users' processes cannot be read, and those are not
	// this Town's.
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return false
	}
	for _, fd := range fds {
		path, err := os.Readlink(fd)
		if err == nil && filepath.Dir(path) == locks && strings.HasPrefix(filepath.Base(path), "remote-") {
			return true
		}
	}
	return false
}
