package limits

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Kind is a means of limiting processes.
type Kind string

// The means, best first.
const (
	Scope   Kind = "systemd scope"
	V2      Kind = "cgroup v2"
	V1      Kind = "cgroup v1"
	Rlimits Kind = "rlimits"
)

// Host is the machine, as the user of gt sees it. The zero value looks at this one.
type Host struct {
	// Sys, Proc and Run are /sys/fs/cgroup, /proc and /run when empty.
	Sys, Proc, Run string
	// Env is the environment of whom gt runs for; it says where the user's systemd
	// and the program systemd-run are.
	Env []string
	// Only, if not "", is the one means to use.
	Only Kind
}

// Found is what a machine offers.
type Found struct {
	Kind Kind
	// Memory, CPU and Processes say what can be limited for all processes of a
	// session together.
	Memory, CPU, Processes bool

	hierarchies []hierarchy
	run         []string // systemd-run with its first options
}

// hierarchy is a place where cgroups can be made.
type hierarchy struct {
	v2          bool
	dir         string // this process's own cgroup
	controllers []string
}

// period is the time in which a quota of the processor counts, in microseconds.
const period = 100_000

// Find looks what limits the machine offers.
func (h Host) Find() Found {
	for _, find := range []func() (Found, bool){h.scope, h.v2, h.v1} {
		if f, ok := find(); ok && (h.Only == "" || h.Only == f.Kind) {
			return f
		}
	}
	return Found{Kind: Rlimits}
}

func (h Host) getenv(name string) string {
	for _, kv := range h.Env {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}

// scope finds a systemd that makes scopes for this user.
func (h Host) scope() (Found, bool) {
	f := Found{Kind: Scope, Memory: true, CPU: true, Processes: true}
	if _, err := os.Stat(filepath.Join(cmp.Or(h.Run, "/run"), "systemd", "system")); err != nil {
		return f, false
	}
	if _, err := os.Stat(filepath.Join(cmp.Or(h.Sys, "/sys/fs/cgroup"), "cgroup.controllers")); err != nil {
		return f, false // user scopes limit nothing in version 1
	}
	program := ""
	for _, dir := range filepath.SplitList(h.getenv("PATH")) {
		file := filepath.Join(dir, "systemd-run")
		if info, err := os.Stat(file); err == nil && filepath.IsAbs(dir) && info.Mode()&0o111 != 0 {
			program = file
			break
		}
	}
	if program == "" {
		return f, false
	}
	f.run = []string{program, "--scope", "--collect", "--quiet"}
	if os.Geteuid() != 0 {
		runtime := h.getenv("XDG_RUNTIME_DIR")
		if _, err := os.Stat(filepath.Join(runtime, "systemd", "private")); runtime == "" || err != nil {
			return f, false
		}
		f.run = append(f.run, "--user")
	}
	return f, true
}

// scope is the command that starts a program in a scope. The unit has no name of
// ours: a scope that has not ended yet would refuse the next one of that name.
func (f Found) scope(town, session string, of Limits) []string {
	words := slices.Clone(f.run)
	words = append(words, "--description", "gt session "+session+" of "+town)
	if of.Memory > 0 {
		words = append(words, "-p", fmt.Sprintf("MemoryMax=%d", of.Memory), "-p", "MemorySwapMax=0")
	}
	if of.CPU > 0 {
		words = append(words, "-p", fmt.Sprintf("CPUQuota=%d%%", of.CPU*100))
	}
	if of.Processes > 0 {
		words = append(words, "-p", fmt.Sprintf("TasksMax=%d", of.Processes))
	}
	return append(words, "--")
}

// v2 finds a hierarchy of version 2 in which this process may make cgroups.
func (h Host) v2() (Found, bool) {
	sys := cmp.Or(h.Sys, "/sys/fs/cgroup")
	own, ok := h.own("")
	dir := filepath.Join(sys, own)
	if !ok || !writable(dir) {
		return Found{}, false
	}
	has := words(filepath.Join(dir, "cgroup.controllers"))
	f := Found{Kind: V2, Memory: slices.Contains(has, "memory"), CPU: slices.Contains(has, "cpu"), Processes: slices.Contains(has, "pids")}
	x := hierarchy{v2: true, dir: dir}
	for _, c := range []string{"memory", "cpu", "pids"} {
		if slices.Contains(has, c) {
			x.controllers = append(x.controllers, c)
		}
	}
	f.hierarchies = []hierarchy{x}
	// A cgroup with processes in it gives its children no controllers, so it must
	// have done so before: the root does, and one that was delegated with them.
	given := words(filepath.Join(dir, "cgroup.subtree_control"))
	for _, c := range x.controllers {
		if !slices.Contains(given, c) && os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+c), 0) != nil {
			return Found{}, false
		}
	}
	return f, f.Memory && f.Processes
}

// v1 finds the hierarchies of version 1 in which this process may make cgroups.
func (h Host) v1() (Found, bool) {
	sys := cmp.Or(h.Sys, "/sys/fs/cgroup")
	f := Found{Kind: V1}
	for _, c := range []struct {
		name string
		has  *bool
	}{{"memory", &f.Memory}, {"cpu", &f.CPU}, {"pids", &f.Processes}} {
		own, ok := h.own(c.name)
		dir := filepath.Join(sys, c.name, own)
		if !ok || !writable(dir) {
			continue
		}
		*c.has = true
		f.hierarchies = append(f.hierarchies, hierarchy{dir: dir, controllers: []string{c.name}})
	}
	return f, f.Memory && f.Processes
}

// own is this process's cgroup in the hierarchy of a controller; "" is version 2.
func (h Host) own(controller string) (string, bool) {
	text, err := os.ReadFile(filepath.Join(cmp.Or(h.Proc, "/proc"), "self", "cgroup"))
	if err != nil {
		return "", false
	}
	for line := range strings.Lines(string(text)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) == 3 && slices.Contains(strings.Split(f[1], ","), controller) {
			// Sessions that were made from within another one are beside it.
			if before, _, inside := strings.Cut(f[2], "/gastown-"); inside {
				return cmp.Or(before, "/"), true
			}
			return f[2], true
		}
	}
	return "", false
}

func writable(dir string) bool {
	return unix.Access(dir, unix.W_OK|unix.X_OK) == nil && unix.Access(filepath.Join(dir, "cgroup.procs"), unix.W_OK) == nil
}

func words(file string) []string {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}

// enter makes a cgroup that has others below it.
func (h hierarchy) enter(dir string, of Limits) error {
	err := h.make(dir, of)
	if errors.Is(err, unix.EINVAL) && !h.v2 {
		// The group's limit was lowered, and a session in it has a larger one.
		sessions, _ := filepath.Glob(filepath.Join(dir, "session-*"))
		for _, s := range sessions {
			_ = h.make(s, of) // the group refuses again if that did not help
		}
		err = h.make(dir, of)
	}
	if err != nil || !h.v2 {
		return err
	}
	for _, c := range h.controllers {
		if err := write(filepath.Join(dir, "cgroup.subtree_control"), "+"+c); err != nil {
			return err
		}
	}
	return nil
}

// make makes a cgroup with limits, or gives them to one that is there.
func (h hierarchy) make(dir string, of Limits) error {
	if err := os.Mkdir(dir, 0o755); err != nil && !os.IsExist(err) {
		return err
	}
	for _, c := range h.controllers {
		for file, value := range h.values(c, of) {
			err := write(filepath.Join(dir, file), value)
			if os.IsNotExist(err) && strings.Contains(file, "sw") { // there is no swap, or nobody counts it
				continue
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// values are the files of a controller and what to write into them.
func (h hierarchy) values(controller string, of Limits) map[string]string {
	out := map[string]string{}
	switch {
	case controller == "memory" && of.Memory > 0 && h.v2:
		out["memory.max"], out["memory.swap.max"] = strconv.FormatInt(of.Memory, 10), "0"
	case controller == "memory" && of.Memory > 0:
		out["memory.limit_in_bytes"] = strconv.FormatInt(of.Memory, 10)
	case controller == "cpu" && of.CPU > 0 && h.v2:
		out["cpu.max"] = fmt.Sprintf("%d %d", of.CPU*period, period)
	case controller == "cpu" && of.CPU > 0:
		out["cpu.cfs_quota_us"] = strconv.Itoa(of.CPU * period)
	case controller == "pids" && of.Processes > 0:
		out["pids.max"] = strconv.Itoa(of.Processes)
	}
	return out
}

// write writes into a file that exists.
func write(file, value string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
