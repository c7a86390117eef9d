package limits

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tree is a directory that looks like /sys/fs/cgroup and /proc to a Host. A kernel makes
// the files of a new cgroup; here they are made before.
type tree struct {
	t    *testing.T
	host Host
}

func newTree(t *testing.T, own string) tree {
	dir := t.TempDir()
	tr := tree{t, Host{Sys: filepath.Join(dir, "sys"), Proc: filepath.Join(dir, "proc"), Run: filepath.Join(dir, "run")}}
	tr.write(filepath.Join(tr.host.Proc, "self", "cgroup"), own)
	return tr
}

func (tr tree) write(file, text string) {
	tr.t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		tr.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		tr.t.Fatal(err)
	}
}

// cgroup makes the files of one.
func (tr tree) cgroup(dir string, files ...string) {
	for _, f := range files {
		tr.write(filepath.Join(tr.host.Sys, dir, f), "")
	}
}

func (tr tree) want(files map[string]string) {
	tr.t.Helper()
	for file, want := range files {
		got, err := os.ReadFile(filepath.Join(tr.host.Sys, file))
		if err != nil || string(got) != want {
			tr.t.Errorf("%s holds %q, want %q: %v", file, got, want, err)
		}
	}
}

var (
	v2Files = []string{"cgroup.procs", "cgroup.subtree_control", "memory.max", "memory.swap.max", "cpu.max", "pids.max"}
	session = Limits{Memory: 4 << 30, CPU: 2, Processes: 4096}
	web     = Group{Name: "web", Limits: Limits{Memory: 16 << 30, CPU: 8}}
)

// What version 2 is told: the Town's cgroup and the group's pass their controllers on,
// and the session's takes the process.
func TestVersion2(t *testing.T) {
	const own, town = "user/service", "user/service/gastown-x"
	// Three writes to the file; a plain file keeps the end of the longest one.
	const last = "+pids" + "ry"
	tr := newTree(t, "0::/"+own+"\n")
	tr.cgroup(own, "cgroup.procs")
	tr.write(filepath.Join(tr.host.Sys, own, "cgroup.controllers"), "cpuset cpu io memory pids\n")
	tr.write(filepath.Join(tr.host.Sys, own, "cgroup.subtree_control"), "cpu memory pids\n")
	for _, dir := range []string{town, town + "/group-web", town + "/group-web/session-s", town + "/group-web/session-big"} {
		tr.cgroup(dir, v2Files...)
	}
	l := Limiter{Host: tr.host, Dir: t.TempDir(), Town: "x"}
	if f := l.Host.Find(); f.Kind != V2 || !f.Memory || !f.CPU || !f.Processes {
		t.Fatalf("%+v", f)
	}
	entry, err := l.Make("s", session, web)
	if err != nil || !slices.Equal(entry.Join, []string{filepath.Join(tr.host.Sys, town, "group-web", "session-s", "cgroup.procs")}) || entry.Prefix != nil || entry.Each != nil {
		t.Fatalf("%+v, %v", entry, err)
	}
	if _, err := l.Make("big", Limits{Memory: 64 << 30, CPU: 32, Processes: 9}, web); err != nil {
		t.Fatal(err)
	}
	tr.want(map[string]string{
		town + "/memory.max": "", town + "/cpu.max": "", town + "/cgroup.subtree_control": last,
		town + "/group-web/memory.max": "17179869184", town + "/group-web/memory.swap.max": "0", town + "/group-web/cpu.max": "800000 100000",
		town + "/group-web/pids.max": "", town + "/group-web/cgroup.subtree_control": last,
		town + "/group-web/session-s/memory.max": "4294967296", town + "/group-web/session-s/cpu.max": "200000 100000",
		town + "/group-web/session-s/pids.max": "4096", town + "/group-web/session-s/cgroup.subtree_control": "",
		// No session is allowed more than its group.
		town + "/group-web/session-big/memory.max": "17179869184", town + "/group-web/session-big/cpu.max": "800000 100000", town + "/group-web/session-big/pids.max": "9",
	})
	tr.write(filepath.Join(tr.host.Sys, town, "group-web", "session-s", "cgroup.procs"), "12\n13\n")
	if got := l.Processes("s"); !slices.Equal(got, []int{12, 13}) {
		t.Errorf("processes %v", got)
	}
}

// A controller that refuses its limit is an error; a kernel without swap is none.
func TestVersion2Refuses(t *testing.T) {
	const own, dir = "a", "a/gastown-x/session-s"
	tr := newTree(t, "0::/"+own+"\n")
	tr.cgroup(own, "cgroup.procs")
	tr.write(filepath.Join(tr.host.Sys, own, "cgroup.controllers"), "cpu memory pids\n")
	tr.write(filepath.Join(tr.host.Sys, own, "cgroup.subtree_control"), "cpu memory pids\n")
	tr.cgroup("a/gastown-x", v2Files...)
	tr.cgroup(dir, "cgroup.procs", "memory.max", "cpu.max", "pids.max")
	l := Limiter{Host: tr.host, Dir: t.TempDir(), Town: "x"}
	if _, err := l.Make("s", session, Group{}); err != nil {
		t.Errorf("without swap: %v", err)
	}
	if err := os.Remove(filepath.Join(tr.host.Sys, dir, "pids.max")); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Make("s", session, Group{}); err == nil || !strings.Contains(err.Error(), "pids.max") {
		t.Errorf("a limit that does not hold: %v", err)
	}
}

// A cgroup that passes no controllers on, and may not, is not used.
func TestVersion2WithoutControllers(t *testing.T) {
	tr := newTree(t, "0::/a\n")
	tr.cgroup("a", "cgroup.procs")
	tr.write(filepath.Join(tr.host.Sys, "a", "cgroup.controllers"), "memory pids\n")
	if err := os.Mkdir(filepath.Join(tr.host.Sys, "a", "cgroup.subtree_control"), 0o755); err != nil { // nobody can write to it
		t.Fatal(err)
	}
	if f := tr.host.Find(); f.Kind != Rlimits {
		t.Errorf("%+v", f)
	}
	entry, err := Limiter{Host: tr.host, Dir: t.TempDir(), Town: "x"}.Make("s", session, Group{Name: "web", Limits: Limits{Memory: 1 << 30}})
	if err != nil || len(entry.Each) != 2 || entry.Join != nil {
		t.Errorf("%+v, %v", entry, err)
	}
	for _, limit := range entry.Each {
		if limit == 4<<30 {
			t.Error("a session may use more than its group")
		}
	}
}

// A scope of systemd has the session's limits, and no more than its group's.
func TestScope(t *testing.T) {
	tr := newTree(t, "0::/a\n")
	tr.cgroup("", "cgroup.controllers")
	bin := filepath.Join(t.TempDir(), "bin")
	tr.write(filepath.Join(bin, "systemd-run"), "")
	tr.write(filepath.Join(tr.host.Run, "systemd", "system", "x"), "")
	tr.write(filepath.Join(bin, "systemd", "private"), "")
	if err := os.Chmod(filepath.Join(bin, "systemd-run"), 0o755); err != nil {
		t.Fatal(err)
	}
	tr.host.Env = []string{"PATH=" + bin, "XDG_RUNTIME_DIR=" + bin}
	entry, err := Limiter{Host: tr.host, Dir: t.TempDir(), Town: "x"}.Make("s", session, Group{Name: "web", Limits: Limits{Memory: 1 << 30}})
	words := strings.Join(entry.Prefix, " ")
	for _, want := range []string{"systemd-run --scope --collect --quiet", "MemoryMax=1073741824", "MemorySwapMax=0", "CPUQuota=200%", "TasksMax=4096"} {
		if !strings.Contains(words, want) {
			t.Errorf("%s: no %s (%v)", words, want, err)
		}
	}
	if !strings.HasSuffix(words, " --") || entry.Join != nil || entry.Each != nil {
		t.Errorf("%+v", entry)
	}
}
