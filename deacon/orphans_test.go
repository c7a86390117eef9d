package deacon

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"gastown/deacon/control"
	"gastown/e2e/gitserver"
	"gastown/town/lockfile"
	"gastown/town/process"
)

// The Deacon is killed while git waits for a silent remote. The next Deacon ends the
// remaining git processes, and the remote is free. It starts at once, while the kernel is
// still ending some of them; four rounds meet more than one moment of that.
func TestAKillLeavesNoProcess(t *testing.T) {
	p := found(t)
	_, hole := hub(t)
	p.agree("hole", hole.URL())
	locks := filepath.Dir(p.layout.Lock(""))
	left := 0
	for range 4 {
		hole.Set(gitserver.BlackHole)
		before := hole.Counts().Connections
		cmd := p.startChild(t)
		client := control.NewClient(p.layout.ControlSocket())
		if _, err := client.Sync(t.Context(), "", false); err != nil {
			t.Fatal(err)
		}
		client.Close()
		until(t, "git is connected", func() bool { return hole.Counts().Connections > before })
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		left += len(orphans(suspects(locks)))
		r := p.mustStart()
		until(t, "nothing is left", func() bool { return len(orphans(suspects(locks))) == 0 })
		hole.Set(gitserver.None)
		if runs, err := r.client.Sync(t.Context(), "hole", true); err != nil || len(runs) != 1 || runs[0].Outcome != "ok" {
			t.Errorf("%+v, %v", runs, err)
		}
		r.end()
	}
	if left == 0 {
		t.Error("no kill left a process: nothing was tested")
	}
}

// startTaker starts a process that takes the lock of a remote and passes it on to a
// program, whose id it returns. The program outlives it.
func startTaker(t *testing.T, lock, then string) (taker *exec.Cmd, program int) {
	t.Helper()
	taker = exec.Command(os.Args[0])
	taker.Env = append(os.Environ(), takerEnv+"="+lock, thenEnv+"="+then)
	taker.Stderr = os.Stderr
	if _, err := taker.StdinPipe(); err != nil { // it ends with this process
		t.Fatal(err)
	}
	out, err := taker.StdoutPipe()
	if err == nil {
		err = taker.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taker.Process.Kill() })
	if _, err := fmt.Fscan(out, &program); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(program, syscall.SIGKILL) })
	return taker, program
}

// take is the process that startTaker starts.
func take(path, then string) {
	lock, err := lockfile.Acquire(context.Background(), path, lockfile.Options{Command: "test"})
	if err == nil {
		program := exec.Command("sleep", "600")
		program.ExtraFiles = []*os.File{lock.File()}
		if err = program.Start(); err == nil {
			if then == "release" {
				err = lock.Release()
			}
			fmt.Println(program.Process.Pid)
			_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed, or the test ends
		}
	}
	fmt.Fprintln(os.Stderr, "take a lock in a test:", err)
	os.Exit(1)
}

// What a killed command left is ended while the Deacon runs. What a living one uses, or
// what only has the file of a lock open that was released, is left alone.
func TestACommandIsKilled(t *testing.T) {
	p := found(t)
	locks := filepath.Dir(p.layout.Lock(""))
	r := p.mustStart()
	defer r.end()
	taker, helper := startTaker(t, p.layout.Lock("remote-hole"), "")
	other, daemon := startTaker(t, p.layout.Lock("remote-other"), "release")
	if found := orphans(suspects(locks)); len(found) != 0 {
		t.Errorf("%d of %d and %d: its command lives", found, helper, daemon)
	}
	for _, cmd := range []*exec.Cmd{taker, other} {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	if slices.Contains(orphans(suspects(locks)), daemon) {
		t.Errorf("%d, which holds no lock, is taken for an orphan", daemon)
	}
	until(t, "the helper is ended", func() bool { return !process.Alive(helper) })
}

// A lock whose file names a process that has ended stays with the process that took it,
// and has not written its name yet. It does not stay with one that only has got the
// number of the process that took it.
func TestWhoTookALock(t *testing.T) {
	lock := filepath.Join(t.TempDir(), "remote-hole.lock")
	taker, helper := startTaker(t, lock, "")
	both := []int{taker.Process.Pid, helper}
	slices.Sort(both)
	for text, want := range map[string][]int{
		`{"pid": 1, "start": 1}`:                                  nil,
		fmt.Sprintf(`{"pid": %d}`, taker.Process.Pid):             nil,
		fmt.Sprintf(`{"pid": %d, "start": 1}`, taker.Process.Pid): both,
	} {
		if err := os.WriteFile(lock, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		found := orphans(suspects(filepath.Dir(lock)))
		if slices.Sort(found); !slices.Equal(found, want) {
			t.Errorf("%s: %d, want %d", text, found, want)
		}
	}
}
