// Package limits keeps the processes of one session within what they may use of the
// machine: memory, processor cores and processes, all together and not each.
//
// The kernel enforces it, by the best means that this machine offers to this user:
//
//   - a scope of systemd, where systemd runs and may be asked;
//   - a cgroup of version 2, where gt may make one;
//   - cgroups of version 1, likewise;
//   - limits of each process (setrlimit), which hold for every process by itself and
//     say nothing about cores.
//
// Cgroups are made below the one that gt runs in, so nothing escapes a limit that is
// set on gt. What was made for a session is written down in a file, so another process
// can remove it.
package limits

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gastown/town/durable"
)

// Limits are what the processes of a session or of a group of sessions may use
// together. 0 sets no limit.
type Limits struct {
	// Memory is in bytes, CPU in cores; Processes counts threads, too.
	Memory    int64
	CPU       int
	Processes int
}

// Group is a set of sessions with limits of its own, such as those of a rig. Name is
// letters, digits, "-" and "_"; "" for none.
type Group struct {
	Name   string
	Limits Limits
}

// Entry is how a process enters its limits before it becomes the session's program.
type Entry struct {
	// Prefix are words before the program's command.
	Prefix []string
	// Join are files that get the process's id.
	Join []string
	// Each are limits of setrlimit(2), by resource.
	Each map[int]uint64
}

// Limiter makes and removes the limits of a Town's sessions.
type Limiter struct {
	Host Host
	// Dir is a private directory for files that say what was made.
	Dir string
	// Town tells the cgroups of Towns apart: letters, digits and "-".
	Town string
}

// made is the file that says what was made for a session.
type made struct {
	Dirs []string `json:"dirs"`
}

const (
	// removeFor is how long Remove tries: the kernel takes a moment to let go of
	// processes that have ended.
	removeFor  = 2 * time.Second
	removePoll = 10 * time.Millisecond
	// tries bounds how often Make begins again while other sessions of the group are
	// removed. Each of them can spoil one try.
	tries = 100
)

// within are limits that are at most those of a group. Version 1 of cgroups refuses a
// quota of the processor that is larger than the group's.
func (l Limits) within(group Limits) Limits {
	if group.Memory > 0 && (l.Memory == 0 || l.Memory > group.Memory) {
		l.Memory = group.Memory
	}
	if group.CPU > 0 && (l.CPU == 0 || l.CPU > group.CPU) {
		l.CPU = group.CPU
	}
	if group.Processes > 0 && (l.Processes == 0 || l.Processes > group.Processes) {
		l.Processes = group.Processes
	}
	return l
}

// Make makes the limits for a session. What was made for a former session of that name
// is used again. No session may use more than its group. A scope of systemd and
// setrlimit(2) know no groups: each session keeps within the group's limits by itself.
func (l Limiter) Make(session string, of Limits, group Group) (Entry, error) {
	of = of.within(group.Limits)
	found := l.Host.Find()
	if of == (Limits{}) && group.Limits == (Limits{}) {
		return Entry{}, nil
	}
	switch found.Kind {
	case Scope:
		return Entry{Prefix: found.scope(l.Town, session, of)}, nil
	case V1, V2:
		return l.cgroups(found, session, of, group)
	}
	return Entry{Each: each(of)}, nil
}

// cgroups makes the session's cgroup, in each hierarchy that there is. A controller
// that refuses its limit is an error: a limit that does not hold must not look as if
// it did.
func (l Limiter) cgroups(found Found, session string, of Limits, group Group) (Entry, error) {
	var e Entry
	var m made
	for _, h := range found.hierarchies {
		dir := filepath.Join(h.dir, "gastown-"+l.Town)
		if group.Name != "" {
			dir = filepath.Join(dir, "group-"+group.Name)
		}
		dir = filepath.Join(dir, "session-"+session)
		m.Dirs = append(m.Dirs, dir)
		e.Join = append(e.Join, filepath.Join(dir, "cgroup.procs"))
	}
	text, err := json.Marshal(m)
	if err != nil {
		return e, err
	}
	if err := durable.Replace(l.file(session), text, 0o600); err != nil {
		return e, err
	}
	for i, h := range found.hierarchies {
		err := h.below(m.Dirs[i], of, group)
		for try := 1; removed(err) && try < tries; try++ {
			err = h.below(m.Dirs[i], of, group)
		}
		if err != nil {
			return e, errors.Join(err, l.Remove(session))
		}
	}
	return e, nil
}

// removed reports that a cgroup went away while its limits were made: the kernel says
// ENODEV for a file that was open by then.
func removed(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) }

// below makes a session's cgroup and those around it. The error is one that removed
// reports when Remove takes away an empty one of those at the same time.
func (h hierarchy) below(dir string, of Limits, group Group) error {
	around, limits := filepath.Dir(dir), Limits{}
	if group.Name != "" {
		if err := h.enter(filepath.Dir(around), Limits{}); err != nil {
			return err
		}
		limits = group.Limits
	}
	if err := h.enter(around, limits); err != nil {
		return err
	}
	return h.make(dir, of)
}

func (l Limiter) file(session string) string { return filepath.Join(l.Dir, session+".limits") }

func (l Limiter) read(session string) (m made, err error) {
	text, err := os.ReadFile(l.file(session))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, &fs.PathError{Op: "read", Path: l.file(session), Err: err}
	}
	for _, dir := range m.Dirs { // a file that somebody edited removes nothing else
		if !strings.HasPrefix(filepath.Base(dir), "session-") || !strings.Contains(dir, "/gastown-"+l.Town+"/") || dir != filepath.Clean(dir) {
			return made{}, &fs.PathError{Op: "read", Path: l.file(session), Err: errors.New("it names a directory that gt did not make")}
		}
	}
	return m, nil
}

// Processes lists the processes within a session's limits. Without cgroups there are
// none.
func (l Limiter) Processes(session string) (all []int) {
	m, err := l.read(session)
	if err != nil {
		return nil
	}
	for _, dir := range m.Dirs {
		text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			continue
		}
		for _, word := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil && pid > 0 {
				all = append(all, pid)
			}
		}
	}
	return all
}

// Remove removes what was made for a session whose processes have ended, and the
// directories of its group and Town when they are empty. Nothing to remove is not an
// error.
func (l Limiter) Remove(session string) error {
	m, err := l.read(session)
	if err != nil {
		return err
	}
	for _, dir := range m.Dirs {
		for end := time.Now().Add(removeFor); ; time.Sleep(removePoll) {
			err := unix.Rmdir(dir)
			if err == nil || err == unix.ENOENT {
				break
			}
			if err != unix.EBUSY || time.Now().After(end) {
				return &fs.PathError{Op: "rmdir", Path: dir, Err: err}
			}
		}
		for parent := filepath.Dir(dir); strings.Contains(parent, "/gastown-"+l.Town); parent = filepath.Dir(parent) {
			if unix.Rmdir(parent) != nil { // another session is in it
				break
			}
		}
	}
	if err := os.Remove(l.file(session)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// each are the limits of every single process. The kernel counts processes by user, so
// those that run already are added.
func each(of Limits) map[int]uint64 {
	out := map[int]uint64{}
	if of.Memory > 0 {
		out[unix.RLIMIT_DATA] = uint64(of.Memory)
	}
	if of.Processes > 0 {
		out[unix.RLIMIT_NPROC] = uint64(of.Processes + running())
	}
	return out
}

// running counts the threads of this user.
func running() (n int) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0
	}
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil {
			continue
		}
		if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Getuid() {
			continue
		}
		tasks, err := os.ReadDir(filepath.Join(dir, "task"))
		if err == nil {
			n += cmp.Or(len(tasks), 1)
		}
	}
	return n
}
