package process

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Alive reports whether a process with that id runs. A process that has ended and
// was not waited for does not count. Another process may have got the id meanwhile,
// so code that must be certain uses a lock instead (see town/lockfile).
func Alive(pid int) bool {
	there := func() bool { return !errors.Is(unix.Kill(pid, 0), unix.ESRCH) }
	if pid <= 0 || !there() {
		return false
	}
	fields, err := stat(pid)
	if err != nil {
		return there() // it may have ended since
	}
	return fields[0] != "Z" && fields[0] != "X"
}

// Began says when a process was started, in ticks of the kernel since the machine
// was. The id and this number together name no other process.
func Began(pid int) (uint64, error) {
	fields, err := stat(pid)
	if err != nil {
		return 0, err
	}
	if len(fields) < 20 {
		return 0, fmt.Errorf("/proc/%d/stat is malformed", pid)
	}
	return strconv.ParseUint(fields[19], 10, 64)
}

// Stopped reports whether a process does not go on until it is told to: a signal
// such as SIGSTOP stopped it, or a debugger has.
func Stopped(pid int) bool {
	fields, err := stat(pid)
	return err == nil && (fields[0] == "T" || fields[0] == "t")
}

// Parent is the process that started another one, or that took it over when that ended;
// 0 for none.
func Parent(pid int) (int, error) {
	fields, err := stat(pid)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(fields[1])
}

// Name is what a process calls itself: the first 15 bytes of its program's name, unless
// it chose another one.
func Name(pid int) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSuffix(string(text), "\n"), err
}

// Environment are the variables, as NAME=value, that a process was started with. Only the
// processes of this user can be asked.
func Environment(pid int) ([]string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == 0 }), err
}

// stat returns the fields of /proc/PID/stat from the state on: state, parent,
// group, session, and more.
func stat(pid int) ([]string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	// The program's name comes before them, in parentheses, and may hold
	// anything.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 4 {
		return nil, fmt.Errorf("/proc/%d/stat is malformed", pid)
	}
	return fields, nil
}

// KillIf is SignalIf with SIGKILL.
func KillIf(pid int, check func() bool) error { return SignalIf(pid, check, unix.SIGKILL) }

// SignalIf sends signals to a process for which the check still holds. It holds the
// process by a descriptor while it checks, so no signal reaches another one that has
// got the same id. A process that is gone is not an error.
func SignalIf(pid int, check func() bool, signals ...unix.Signal) error {
	handle, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(handle)
	if !check() {
		return nil
	}
	for _, s := range signals {
		if err := unix.PidfdSendSignal(handle, s, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}
