package process

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// awaited bounds what a test waits for.
const awaited = 2 * time.Minute

// gone waits until no process of that id runs.
func gone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(awaited); Alive(pid); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("process %d still runs", pid)
		}
	}
}

// family starts a shell with a child; both print their ids. In stubborn ones
// SIGTERM does nothing.
func family(t *testing.T, ctx context.Context, trap string, opts Options) (g *Group, leader, child int) {
	t.Helper()
	cmd := exec.CommandContext(ctx, "sh", "-c", trap+` (`+trap+` while :; do sleep 0.05; done) & echo $$ $!; wait; wait; wait`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if g, err = Start(ctx, cmd, opts); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	for i, word := range strings.Fields(line) {
		n, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		*[]*int{&leader, &child}[i] = n
	}
	if !Alive(leader) || !Alive(child) {
		t.Fatalf("the group does not run: %q", line)
	}
	return g, leader, child
}

func TestAnEndedContextEndsTheGroup(t *testing.T) {
	for name, trap := range map[string]string{"polite": "", "stubborn": "trap '' TERM;"} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			g, leader, child := family(t, ctx, trap, Options{Grace: 50 * time.Millisecond})
			if s, err := unix.Getsid(child); err != nil || s != leader {
				t.Errorf("the child is in session %d, want %d (%v)", s, leader, err)
			}
			cancel()
			if err := g.Wait(); err == nil {
				t.Error("Wait returned nil for a group that was ended")
			}
			select {
			case <-g.Done():
			default:
				t.Error("Done is open after Wait")
			}
			gone(t, leader)
			gone(t, child)
		})
	}
}

func TestRunReturnsHowItEnded(t *testing.T) {
	var pid int
	err := Run(t.Context(), exec.CommandContext(t.Context(), "sh", "-c", "exit 3"), Options{Started: func(p int) { pid = p }})
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 || pid != exit.Pid() {
		t.Errorf("%v, pid %d", err, pid)
	}
	if err := Run(t.Context(), exec.CommandContext(t.Context(), "/nonexistent"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a program that is not there: %v", err)
	}
}

func TestAlive(t *testing.T) {
	if !Alive(os.Getpid()) || Alive(0) || Alive(-1) {
		t.Error("this process runs, 0 and -1 are no processes")
	}
	cmd := exec.Command("true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone(t, cmd.Process.Pid) // it is a zombie then
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if Alive(cmd.Process.Pid) {
		t.Error("alive after it was waited for")
	}
}

func TestKillIf(t *testing.T) {
	g, leader, child := family(t, t.Context(), "", Options{})
	if err := KillIf(leader, func() bool { return false }); err != nil || !Alive(leader) {
		t.Errorf("killed although the check failed, or: %v", err)
	}
	for _, pid := range []int{leader, child} {
		if err := KillIf(pid, func() bool { return true }); err != nil {
			t.Error(err)
		}
		gone(t, pid)
	}
	if err := g.Wait(); err == nil {
		t.Error("Wait returned nil for a killed program")
	}
	if err := KillIf(leader, func() bool { return true }); err != nil {
		t.Errorf("a process that is gone: %v", err)
	}
}

// A program sees the environment it was given and nothing of this process's.
func TestCommand(t *testing.T) {
	t.Setenv("OF_THIS_PROCESS", "1")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tool"), []byte("#!/bin/sh\necho \"$GIVEN$OF_THIS_PROCESS\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := Command(t.Context(), []string{"PATH=/nowhere", "PATH=.:" + dir, "GIVEN=x"}, "tool").Output()
	if err != nil || string(out) != "x\n" {
		t.Errorf("%q, %v", out, err)
	}
	for _, env := range [][]string{nil, {"PATH="}, {"PATH=."}, {"PATH=/nowhere"}} {
		t.Chdir(dir)
		if err := Run(t.Context(), Command(t.Context(), env, "tool"), Options{}); !errors.Is(err, exec.ErrNotFound) {
			t.Errorf("%q: %v", env, err)
		}
	}
	if out, err := Command(t.Context(), nil, "/bin/sh", "-c", "echo $OF_THIS_PROCESS").Output(); err != nil || string(out) != "\n" {
		t.Errorf("%q, %v", out, err)
	}
}
