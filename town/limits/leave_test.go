package limits

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A process leaves the cgroups of a session, in each version, and no others.
func TestLeave(t *testing.T) {
	tr := newTree(t, "5:memory:/a/gastown-x/group-web/session-s\n4:cpu,cpuacct:/a/gastown-x/session-s\n3:pids:/gastown-x/session-s\n2:devices:/d/gastown-x/session-s\n1:name=systemd:/y\n0::/c/gastown-x/session-s\n")
	for _, dir := range []string{"memory/a", "cpu/a", "pids", "c"} {
		tr.cgroup(dir, "cgroup.procs")
	}
	if err := tr.host.Leave(77, true); err != nil {
		t.Fatal(err)
	}
	tr.want(map[string]string{"memory/a/cgroup.procs": "77", "cpu/a/cgroup.procs": "77", "pids/cgroup.procs": "77", "c/cgroup.procs": "77"})
	if err := os.Remove(filepath.Join(tr.host.Sys, "c", "cgroup.procs")); err != nil {
		t.Fatal(err)
	}
	if err := tr.host.Leave(77, true); !errors.Is(err, ErrStays) {
		t.Errorf("one that cannot be written: %v", err)
	}
	tr = newTree(t, "0::/user.slice/gt.scope\n")
	if err := tr.host.Leave(77, true); err != nil {
		t.Errorf("in no session's cgroup: %v", err)
	}
	tr.cgroup("", "cgroup.controllers")
	bin := t.TempDir()
	tr.write(filepath.Join(bin, "systemd-run"), "")
	tr.write(filepath.Join(tr.host.Run, "systemd", "system", "x"), "")
	tr.write(filepath.Join(bin, "systemd", "private"), "")
	if err := os.Chmod(filepath.Join(bin, "systemd-run"), 0o755); err != nil {
		t.Fatal(err)
	}
	tr.host.Env = []string{"PATH=" + bin, "XDG_RUNTIME_DIR=" + bin}
	for inSession, want := range map[bool]error{true: ErrStays, false: nil} {
		if err := tr.host.Leave(77, inSession); !errors.Is(err, want) {
			t.Errorf("a scope, in a session: %v: %v", inSession, err)
		}
	}
}

// The kernel takes the process out of the session's cgroup.
func TestLeaveReally(t *testing.T) {
	l := kernel(t)
	entry, err := l.Make("web@polecats@leaver", Limits{Memory: 1 << 30, CPU: 1, Processes: 50}, Group{})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `for f; do echo $$ >"$f" || exit 99; done; echo in; exec sleep 60`, "sh")
	cmd.Args = append(cmd.Args, entry.Join...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	pid := strconv.Itoa(cmd.Process.Pid)
	text, err := os.ReadFile(filepath.Join("/proc", pid, "cgroup"))
	if err != nil || !strings.Contains(string(text), "/session-web@polecats@leaver") {
		t.Fatalf("%s, %v", text, err)
	}
	proc := filepath.Join(t.TempDir(), "self")
	if err := os.Mkdir(proc, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(proc, "cgroup"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := (Host{Proc: filepath.Dir(proc)}).Leave(cmd.Process.Pid, true); err != nil {
		t.Fatal(err)
	}
	if text, err = os.ReadFile(filepath.Join("/proc", pid, "cgroup")); err != nil || bytes.Contains(text, []byte("gastown-")) {
		t.Errorf("%s, %v", text, err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if err := l.Remove("web@polecats@leaver"); err != nil {
		t.Error(err)
	}
}
