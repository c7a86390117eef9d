package deacon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gastown/town"
	"gastown/town/layout"
	"gastown/town/lockfile"
	"gastown/town/process"
)

// Presence is what can be learned about a Town's Deacon without its help.
type Presence struct {
	// Held says that a process holds the Deacon's lock: it runs, starts or stops.
	Held bool
	// PID is that process, as it says itself; 0 when it does not say.
	PID int
	// Stopped says that the process does not go on until somebody tells it to.
	Stopped bool

	town layout.Town
}

// Look finds out whether the Town has a Deacon. It asks the kernel who holds the
// lock, and believes the lock's file only what the kernel confirms.
func Look(t layout.Town) (Presence, error) {
	h, held, err := lockfile.Look(t.DeaconLock())
	p := Presence{Held: held, town: t}
	if err == nil && held && holds(h, t.DeaconLock()) {
		p.PID, p.Stopped = h.PID, process.Stopped(h.PID)
	}
	return p, err
}

// holds reports whether the process that a lock's file names is the one that holds
// it. A former version did not note when it was started, but has the file open.
func holds(h lockfile.Holder, path string) bool {
	if h.Start != 0 {
		return h.Runs()
	}
	if h.PID <= 0 {
		return false
	}
	lock, err := os.Stat(path)
	if err != nil {
		return false
	}
	open, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", h.PID))
	if err != nil {
		return false
	}
	for _, fd := range open {
		if info, err := os.Stat(fd); err == nil && os.SameFile(info, lock) {
			return true
		}
	}
	return false
}

// String names the Deacon.
func (p Presence) String() string {
	if p.PID > 0 {
		return fmt.Sprintf("a Deacon (pid %d)", p.PID)
	}
	return "a Deacon"
}

// Silent is the error for a Deacon that holds the lock and did not answer for the
// given time. op is what was wanted of it.
func (p Presence) Silent(op string, waited time.Duration) error {
	if p.Stopped {
		return town.Fail(op, fmt.Sprintf("kill -CONT %d lets it go on; gt deacon stop ends it", p.PID),
			"%w: %s is stopped, so it answers nobody, and it has the Town's planes open", town.ErrBusy, p)
	}
	return town.Fail(op, "gt deacon restart ends it and starts another; gt deacon logs shows what it did last",
		"%w: %s runs and does not answer (waited %s)", town.ErrBusy, p, waited.Round(time.Second))
}

// Signal sends signals to the Deacon, and to no other process that has got its id.
func (p Presence) Signal(signals ...unix.Signal) error {
	if p.PID <= 0 {
		return town.Fail("end "+p.String(), "find it with: fuser "+p.town.DeaconLock(), "%w: the lock file does not say which process holds it", town.ErrBusy)
	}
	return process.SignalIf(p.PID, func() bool {
		now, err := Look(p.town)
		return err == nil && now.PID == p.PID
	}, signals...)
}

// Others are the processes that have a Deacon's lock of this Town open and are not
// the one that Look finds: their directory, or their lock, was moved or removed. A
// Deacon ends within seconds when it notices that, unless it is stopped.
func Others(t layout.Town, but int) (pids []int) {
	all, err := process.All()
	if err != nil {
		return nil
	}
	root, err := os.Stat(t.Root)
	if err != nil {
		return nil
	}
	for _, pid := range all {
		if pid == but || pid == os.Getpid() {
			continue
		}
		if dir, err := os.Stat(fmt.Sprintf("/proc/%d/cwd", pid)); err == nil && os.SameFile(dir, root) && hasDeaconLock(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// hasDeaconLock reports whether a process has a file open that is a Deacon's lock,
// wherever it is now.
func hasDeaconLock(pid int) bool {
	open, err := process.Open(pid)
	if err != nil {
		return false
	}
	for _, path := range open {
		if filepath.Base(strings.TrimSuffix(path, " (deleted)")) == "deacon.lock" {
			return true
		}
	}
	return false
}
