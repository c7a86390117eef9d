package process

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// All are the ids of the processes that /proc shows.
func All() ([]int, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	all := make([]int, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			all = append(all, pid)
		}
	}
	return all, nil
}

// Open are the descriptors of a process and what the kernel calls the file behind each:
// the path without symbolic links, with " (deleted)" after one that was removed, or a
// word such as "socket:[7]". Only the processes of this user can be asked; for those of
// others it is an error.
func Open(pid int) (iter.Seq2[string, string], error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	all, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	return func(yield func(descriptor, file string) bool) {
		for _, fd := range all {
			if file, err := os.Readlink(filepath.Join(dir, fd.Name())); err == nil && !yield(fd.Name(), file) {
				return
			}
		}
	}, nil
}

// Flocked reports whether a flock(2) is held through a descriptor of a process, and which
// process took it: 0 for one that has ended, where the kernel does not say any more. See
// proc_pid_fdinfo(5): "lock: 1: FLOCK ADVISORY WRITE TAKER ...".
func Flocked(pid int, descriptor string) (taker int, held bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%s", pid, descriptor))
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
