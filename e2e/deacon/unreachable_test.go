package deacon

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gastown/e2e/internal/scratch"
	"gastown/town/layout"
	"gastown/town/process"
)

// Every command says within seconds that the Deacon is stopped, which process it is
// and what to do, and gt deacon stop ends it, also when its sockets are gone.
func TestAStoppedDeacon(t *testing.T) {
	t.Parallel()
	p := found(t, scratch.Dir(t), "town")
	d := p.start()
	if err := syscall.Kill(d.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(d.PID, syscall.SIGKILL) }()
	scratch.Await(t, "it is stopped", func() bool { return process.Stopped(d.PID) })
	for _, args := range [][]string{
		{"bd", "list"}, {"bd", "create", "one"}, {"gt", "federation", "status"}, {"gt", "feed"}, {"gt", "deacon", "status"}, {"gt", "deacon", "start"},
		{"gt", "deacon", "reload"}, {"gt", "deacon", "run", "disk"}, {"gt", "cache", "stats"},
	} {
		for _, alone := range []string{"", "1"} {
			cmd := p.front(args[0], p.Root, args[1:]...)
			cmd.Env = append(cmd.Env, "GT_ALONE="+alone)
			began := time.Now()
			out, err := cmd.CombinedOutput()
			text := string(out)
			if exitCode(t, err) != 4 || !strings.Contains(text, "is stopped") || !strings.Contains(text, "kill -CONT "+strconv.Itoa(d.PID)) || strings.Contains(text, "context deadline") {
				t.Errorf("%v, alone %q: %v\n%s", args, alone, err, text)
			}
			t.Logf("%v, alone %q: %s", args, alone, time.Since(began).Round(time.Millisecond))
		}
	}
	if out, err := p.Try("gt", "doctor", "--offline"); err == nil || !strings.Contains(out, "is stopped") {
		t.Errorf("doctor: %v\n%s", err, out)
	}
	town := layout.Town{Root: p.Root}
	if err := errors.Join(os.Remove(town.ControlSocket()), os.Remove(town.CommandSocket()), os.Remove(town.SQLSocket())); err != nil {
		t.Fatal(err)
	}
	if out, err := p.Try("bd", "list"); err == nil || !strings.Contains(err.Error(), "is stopped") {
		t.Errorf("without sockets: %v\n%s", err, out)
	}
	if out := p.Must("gt", "--json", "deacon", "stop"); !strings.Contains(out, `"how": "SIGTERM"`) || process.Alive(d.PID) {
		t.Errorf("stop: %s", out)
	}
	p.Must("bd", "list")
}

// A process that has got the number of an ended Deacon is not ended in its place.
func TestStopEndsNobodyElse(t *testing.T) {
	t.Parallel()
	p := found(t, scratch.Dir(t), "town")
	other := p.front("sleep", p.Root)
	other.Path, other.Args = "/bin/sleep", []string{"sleep", "600"}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	lock := layout.Town{Root: p.Root}.DeaconLock()
	text := `{"pid":` + strconv.Itoa(other.Process.Pid) + `,"command":"gt deacon","start":1}`
	if err := errors.Join(os.MkdirAll(filepath.Dir(lock), 0o700), os.WriteFile(lock, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(lock)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if out, err := p.Try("gt", "deacon", "stop"); err == nil || !strings.Contains(err.Error(), "does not say which process") {
		t.Errorf("%v\n%s", err, out)
	}
	if !process.Alive(other.Process.Pid) {
		t.Error("it ended a stranger")
	}
}

// A Town that is moved while its Deacon runs ends that Deacon within seconds, and
// works where it is now.
func TestAMovedTown(t *testing.T) {
	t.Parallel()
	p := found(t, scratch.Dir(t), "town")
	d := p.start()
	p.Must("bd", "create", "before")
	moved := at(t, p.Dir, filepath.Base(p.Root)+".moved")
	if err := os.Rename(p.Root, moved.Root); err != nil {
		t.Fatal(err)
	}
	scratch.Await(t, "the Deacon ends", func() bool {
		if out, err := moved.Try("bd", "list"); err != nil && strings.Contains(err.Error(), "Error 1") {
			t.Errorf("a raw error: %v\n%s", err, out)
		}
		return !process.Alive(d.PID)
	})
	if out := moved.Must("bd", "list"); !strings.Contains(out, "before") {
		t.Errorf("%s", out)
	}
	if log := moved.logged(); !strings.Contains(log, "was moved, removed or replaced") {
		t.Errorf("%s", log)
	}
	if _, err := os.Lstat(p.Root); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it made the former place anew: %v", err)
	}
	second := moved.start()
	if second.PID == d.PID {
		t.Error("the same process")
	}
	// The clean-up of the first one looks for its Town.
	if err := os.CopyFS(filepath.Join(p.Root, "config"), os.DirFS(filepath.Join(moved.Root, "config"))); err != nil {
		t.Fatal(err)
	}
}
