package limits

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// started runs a command within limits, as a session's program is, and returns it
// with its output.
func started(t *testing.T, l Limiter, session string, of Limits, script string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	e, err := l.Make(session, of, Group{Name: "web", Limits: Limits{Memory: 1 << 30}})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `for f; do echo $$ >"$f" || exit 99; done; `+script, "sh")
	cmd.Args = append(cmd.Args, e.Join...)
	out := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

// kernel is a limiter of this machine, where it has cgroups.
func kernel(t *testing.T) Limiter {
	t.Helper()
	f := Host{Env: os.Environ()}.Find()
	if f.Kind != V1 && f.Kind != V2 {
		t.Skipf("this machine offers %s", f.Kind)
	}
	return Limiter{Dir: t.TempDir(), Town: "test" + strconv.Itoa(os.Getpid())}
}

// A session that takes all memory or forks without end ends itself and nobody else.
func TestAGreedySession(t *testing.T) {
	l := kernel(t)
	for name, test := range map[string]struct{ script, want string }{
		// tail holds all that it reads until a line ends.
		"memory": {"head -c 8000000000 /dev/zero | tail >/dev/null; echo survived $?", "survived 137"},
		"forks":  {"i=0; while [ $i -lt 200 ]; do sleep 30 >/dev/null 2>&1 & i=$((i+1)); done; wait", "ork"},
	} {
		t.Run(name, func(t *testing.T) {
			of := Limits{Memory: 64 << 20, CPU: 1, Processes: 20}
			cmd, out := started(t, l, "web@polecats@"+name, of, test.script)
			done := make(chan error, 1)
			go func() { done <- cmd.Wait() }()
			select {
			case <-done:
			case <-time.After(5 * time.Minute):
				t.Error("the session neither ended nor was ended")
			}
			if !strings.Contains(out.String(), test.want) {
				t.Errorf("it says %q, want %q", out, test.want)
			}
			if n := len(l.Processes("web@polecats@" + name)); n > 60 { // one line for each controller
				t.Errorf("%d processes", n)
			}
			for _, pid := range l.Processes("web@polecats@" + name) {
				if p, err := os.FindProcess(pid); err == nil {
					_ = p.Kill()
				}
			}
			m, err := l.read("web@polecats@" + name)
			if err != nil || len(m.Dirs) == 0 {
				t.Fatalf("%v, %v", m, err)
			}
			if err := l.Remove("web@polecats@" + name); err != nil {
				t.Error(err)
			}
			for _, dir := range m.Dirs {
				if _, err := os.Stat(filepath.Dir(filepath.Dir(dir))); !os.IsNotExist(err) {
					t.Errorf("%s is left (%v)", dir, err)
				}
			}
			if err := l.Remove("web@polecats@" + name); err != nil {
				t.Errorf("removed twice: %v", err)
			}
		})
	}
}

// The sessions of a group together keep within its limits, though each alone would be
// allowed more.
func TestAGreedyGroup(t *testing.T) {
	l := kernel(t)
	group := Group{Name: "web", Limits: Limits{Memory: 64 << 20, CPU: 1}}
	entry, err := l.Make("web@polecats@one", Limits{Memory: 1 << 30, CPU: 2, Processes: 50}, group)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `for f; do echo $$ >"$f" || exit 99; done; head -c 300000000 /dev/zero | tail >/dev/null; echo survived $?`, "sh")
	cmd.Args = append(cmd.Args, entry.Join...)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "survived 137") {
		t.Errorf("it says %q, %v", out, err)
	}
	// The rig's limits change while that session is there, both ways.
	for _, cores := range []int{4, 2, 1} {
		group.Limits.CPU = cores
		if _, err := l.Make("web@polecats@two", Limits{CPU: 4}, group); err != nil {
			t.Errorf("%d cores: %v", cores, err)
		}
	}
	for _, session := range []string{"web@polecats@one", "web@polecats@two"} {
		if err := l.Remove(session); err != nil {
			t.Error(err)
		}
	}
}

// A file that was edited makes Remove touch nothing else.
func TestAnEditedFile(t *testing.T) {
	l := Limiter{Dir: t.TempDir(), Town: "x"}
	victim := filepath.Join(t.TempDir(), "session-victim")
	for _, text := range []string{`{"dirs":["` + victim + `"]}`, `{"dirs":["/sys/gastown-x/../session-a"]}`, `nonsense`} {
		if err := os.MkdirAll(victim, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(l.file("a"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := l.Remove("a"); err == nil {
			t.Errorf("%s was believed", text)
		}
		if _, err := os.Stat(victim); err != nil {
			t.Error(err)
		}
	}
}

// The best means is chosen by what the machine has.
func TestFind(t *testing.T) {
	write := func(file, text string, mode os.FileMode) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	h := Host{Sys: filepath.Join(dir, "sys"), Proc: filepath.Join(dir, "proc"), Run: filepath.Join(dir, "run"),
		Env: []string{"PATH=" + filepath.Join(dir, "bin"), "XDG_RUNTIME_DIR=" + filepath.Join(dir, "user")}}
	if f := h.Find(); f.Kind != Rlimits || f.Memory {
		t.Errorf("nothing: %+v", f)
	}
	write(filepath.Join(h.Proc, "self", "cgroup"), "3:memory:/a\n2:cpu,cpuacct:/b\n1:pids:/gastown-x/session-y\n0::/c/gastown-x/group-z/session-y\n", 0o644)
	for _, d := range []string{"memory/a", "cpu/b", "pids"} {
		write(filepath.Join(h.Sys, d, "cgroup.procs"), "", 0o644)
	}
	f := h.Find()
	if f.Kind != V1 || !f.Memory || !f.CPU || !f.Processes || f.hierarchies[2].dir != filepath.Join(h.Sys, "pids") {
		t.Errorf("v1: %+v", f)
	}
	write(filepath.Join(h.Sys, "c", "cgroup.procs"), "", 0o644)
	write(filepath.Join(h.Sys, "c", "cgroup.subtree_control"), "memory pids\n", 0o644)
	write(filepath.Join(h.Sys, "c", "cgroup.controllers"), "memory pids\n", 0o644)
	if f = h.Find(); f.Kind != V2 || !f.Memory || f.CPU {
		t.Errorf("v2: %+v", f)
	}
	write(filepath.Join(h.Sys, "cgroup.controllers"), "memory pids\n", 0o644)
	write(filepath.Join(h.Run, "systemd", "system", "x"), "", 0o644)
	write(filepath.Join(dir, "user", "systemd", "private"), "", 0o644)
	write(filepath.Join(dir, "bin", "systemd-run"), "", 0o755)
	if f = h.Find(); f.Kind != Scope {
		t.Errorf("systemd: %+v", f)
	}
	words := strings.Join(f.scope("town", "s", Limits{Memory: 5, CPU: 2, Processes: 7}), " ")
	if !strings.Contains(words, "MemoryMax=5") || !strings.Contains(words, "CPUQuota=200%") || !strings.Contains(words, "TasksMax=7") || !strings.HasSuffix(words, " --") {
		t.Error(words)
	}
	h.Only = Rlimits
	e, err := Limiter{Host: h, Dir: dir, Town: "x"}.Make("s", Limits{Memory: 1 << 30, Processes: 10}, Group{})
	if err != nil || len(e.Each) != 2 || len(e.Join) != 0 {
		t.Errorf("%+v, %v", e, err)
	}
}

// Sessions of one group begin and end at the same time. The last one that ends takes the
// group away, which must not fail one that begins.
func TestSessionsComeAndGo(t *testing.T) {
	l := kernel(t)
	var all errgroup.Group
	for _, session := range []string{"a", "b", "c", "d"} {
		all.Go(func() error {
			for range 300 {
				if _, err := l.Make(session, Limits{Processes: 9}, Group{Name: "web", Limits: Limits{Memory: 1 << 30}}); err != nil {
					return err
				}
				if err := l.Remove(session); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
}
