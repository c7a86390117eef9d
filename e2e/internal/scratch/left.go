package scratch

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

// Process is a process whose command line or environment names a Town.
type Process struct {
	PID  int
	Line string
}

// Processes are those of the test's directory.
func (p *Town) Processes() []Process { return naming(p.Dir) }

// naming finds the processes that name a path or something below it.
func naming(path string) (found []Process) {
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

// kill ends processes until there are none, for at most ten seconds.
func kill(all func() []Process) {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(poll) {
		left := slices.DeleteFunc(all(), func(p Process) bool { return p.PID == os.Getpid() })
		if len(left) == 0 {
			return
		}
		for _, p := range left {
			_ = syscall.Kill(p.PID, syscall.SIGKILL)
		}
	}
}

// Cgroups are those of the Town's sessions.
func (p *Town) Cgroups() (found []string) {
	name := "gastown-" + town.DigestOf("town", p.Root).Short()
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

// end stops everything that a test may have left: what it tests is over.
func (p *Town) end() {
	if p.T.Failed() {
		p.T.Log(p.Story())
	}
	_, _ = p.Try("gt", "deacon", "stop")
	kill(func() []Process { return naming(p.Root) })
	for _, dir := range p.Cgroups() {
		removeCgroup(dir)
	}
}

// removeCgroup removes a cgroup and those below it. The kernel may need a moment for
// processes that were killed.
func removeCgroup(dir string) {
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
