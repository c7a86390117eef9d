package deacon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// endOrphans ends what git processes of a killed gt left: helpers that wait for
// a remote which may never answer, and that hold its lock meanwhile. A push so
// ended is one whose answer was lost; the next contact finds out.
func (d *Deacon) endOrphans(context.Context) error {
	for _, pid := range orphans(filepath.Dir(d.opts.Layout.Lock(""))) {
		if err := endOrphan(pid, filepath.Dir(d.opts.Layout.Lock(""))); err != nil {
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
	session, err := sessionOf(pid)
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

// sessionOf reads the session a process belongs to.
func sessionOf(pid int) (int, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold anything; state, parent, group and
	// session follow it.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 4 {
		return 0, errors.New("malformed stat")
	}
	return strconv.Atoi(fields[3])
}

// endOrphan kills a process by a handle, so that it cannot be another that got
// its number meanwhile.
func endOrphan(pid int, locks string) error {
	handle, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(handle)
	if !isOrphan(pid, locks) {
		return nil
	}
	if err := unix.PidfdSendSignal(handle, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}
