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

// endOrphans ends what git processes of a killed gt left: helpers that wait for
// a remote which may never answer, and that hold its lock meanwhile. A push so
// ended is one whose answer was lost; the next contact finds out.
func (d *Deacon) endOrphans(context.Context) error {
	locks := filepath.Dir(d.opts.Layout.Lock(""))
	for _, pid := range orphans(locks) {
		if err := process.KillIf(pid, func() bool { return isOrphan(pid, locks) }); err != nil {
			d.log.WithError(err).WithField("pid", pid).Warn("a process that a killed gt left goes on")
			continue
		}
		d.log.WithField("pid", pid).Info("a process that a killed gt left was ended")
	}
	return nil
}

// orphans are the processes that hold the lock of one of the Town's remotes
// although the git process that leads their session is gone.
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
		return false // its leader lives, or another has that number: leave it
	}
	// Another user's processes cannot be looked into, and are not ours.
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
