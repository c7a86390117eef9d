package trial

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gastown/town"
)

// poll is how often something outside is looked at again.
const poll = 20 * time.Millisecond

// Process is a process whose command line or environment names a path.
type Process struct {
	PID  int
	Line string
}

// Processes finds the processes that name a path or something below it.
func Processes(path string) (found []Process) {
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range all {
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		environ, _ := os.ReadFile(filepath.Join(dir, "environ"))
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err == nil && (names(string(line), path) || names(string(environ), path)) {
			found = append(found, Process{pid, strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))})
		}
	}
	return found
}

// names reports whether a text has a path that does not go on with a longer name.
func names(text, path string) bool {
	for {
		_, rest, ok := strings.Cut(text, path)
		if !ok {
			return false
		}
		if rest == "" || !strings.ContainsAny(rest[:1], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") {
			return true
		}
		text = rest
	}
}

// Kill ends the processes that name a path until there are none, for at most ten
// seconds. This process stays.
func Kill(path string) {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(poll) {
		left := slices.DeleteFunc(Processes(path), func(p Process) bool { return p.PID == os.Getpid() })
		if len(left) == 0 {
			return
		}
		for _, p := range left {
			_ = syscall.Kill(p.PID, syscall.SIGKILL) // it may have ended
		}
	}
}

// Cgroups are those of the sessions of a Town.
func Cgroups(root string) (found []string) {
	name := "gastown-" + town.DigestOf("town", root).Short()
	own := []string{""}
	text, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(text)) {
		if f := strings.SplitN(strings.TrimSpace(line), ":", 3); len(f) == 3 {
			own = append(own, f[2])
		}
	}
	for _, below := range own {
		for _, hierarchy := range []string{"", "*"} {
			dirs, _ := filepath.Glob(filepath.Join("/sys/fs/cgroup", hierarchy, below, name))
			found = append(found, dirs...)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// RemoveCgroup removes a cgroup and those below it. The kernel may need a moment for
// processes that were killed.
func RemoveCgroup(dir string) {
	var all []string
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			all = append(all, path)
		}
		return nil
	})
	slices.Reverse(all) // what is below comes first
	for _, one := range all {
		for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(poll) {
			if err := syscall.Rmdir(one); err == nil || errors.Is(err, fs.ErrNotExist) {
				break
			}
		}
	}
}
