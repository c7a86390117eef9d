package lockfile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/town"
)

// A child process of the tests: it holds a lock until its standard input ends. With
// a command to start it leaves the lock to a child and ends.
func TestMain(m *testing.M) {
	path := os.Getenv("LOCKFILE_HOLD")
	if path == "" {
		os.Exit(m.Run())
	}
	l, err := Acquire(context.Background(), path, Options{Command: "the holder"})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if os.Getenv("LOCKFILE_CHILD") != "" {
		child := exec.Command("cat")
		child.Stdin, child.ExtraFiles = os.Stdin, []*os.File{l.File()}
		if err := child.Start(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("held")
		os.Exit(0)
	}
	fmt.Println("held")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	os.Exit(0) // without Release: the kernel does it
}

// hold has another process hold the lock until end is called.
func hold(t *testing.T, path string, env ...string) (pid int, end func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), "LOCKFILE_HOLD="+path), env...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("the holder says %q (%v)", line, err)
	}
	return cmd.Process.Pid, func() {
		_ = in.Close()
		_ = cmd.Wait()
	}
}

func TestABusyLockNamesItsHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "locks", "x.lock")
	pid, end := hold(t, path)
	_, err := Acquire(t.Context(), path, Options{Wait: 20 * time.Millisecond, Op: "change the hooks", Next: "wait"})
	want := fmt.Sprintf("change the hooks: locked or busy: held by pid %d, the holder, since ", pid)
	if !errors.Is(err, town.ErrBusy) || !strings.HasPrefix(err.Error(), want) ||
		!strings.HasSuffix(err.Error(), " (waited 20ms)") || town.Next(err) != "wait" {
		t.Errorf("%v; next: %s", err, town.Next(err))
	}
	_, err = Acquire(t.Context(), path, Options{})
	var busy *BusyError
	if !errors.As(err, &busy) || busy.Holder.PID != pid || busy.Path != path || busy.Waited != 0 ||
		!strings.HasPrefix(err.Error(), "lock "+path+": ") || town.Next(err) == "" {
		t.Errorf("%v; next: %s", err, town.Next(err))
	}
	if l, err := Try(path, ""); l != nil || err != nil {
		t.Errorf("Try: %v, %v", l, err)
	}
	h, held, err := Look(path)
	if err != nil || !held || h.PID != pid || h.Command != "the holder" || time.Since(h.Since) > time.Minute {
		t.Errorf("Look: %+v, %v, %v", h, held, err)
	}
	end()
	if h, held, err := Look(path); held || err != nil {
		t.Errorf("after its end: %+v, %v, %v", h, held, err)
	}
	l, err := Acquire(t.Context(), path, Options{Command: "me"})
	if err != nil {
		t.Fatal(err)
	}
	l.Note("stopping")
	if h, held, err := Look(path); err != nil || !held || !strings.HasPrefix(h.String(), fmt.Sprintf("pid %d, me, which is stopping, since ", os.Getpid())) {
		t.Errorf("Look: %s, %v, %v", h, held, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
}

// A process that did not run until its wait was over makes a last attempt.
func TestALastAttempt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	other, err := Acquire(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	attempts := 0
	l, err := Acquire(t.Context(), path, Options{Wait: time.Millisecond, Poll: time.Hour, Before: func() (bool, error) {
		if attempts++; attempts > 1 {
			return false, other.Release()
		}
		return false, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
}

func TestAcquireWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	_, end := hold(t, path)
	got := make(chan error, 1)
	looked := make(chan struct{}, 1)
	go func() {
		l, err := Acquire(context.Background(), path, Options{Wait: time.Minute, Poll: time.Millisecond, Before: func() (bool, error) {
			select {
			case looked <- struct{}{}:
			default:
			}
			return false, nil
		}})
		if err == nil {
			err = l.Release()
		}
		got <- err
	}()
	<-looked
	<-looked // it has tried once and will try again
	end()
	if err := <-got; err != nil {
		t.Error(err)
	}
}

func TestAcquireEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	l, err := Acquire(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New("the caller went away")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := Acquire(ctx, path, Options{Wait: time.Minute}); !errors.Is(err, cause) {
		t.Error(err)
	}
	if l, err := Acquire(t.Context(), path, Options{Wait: time.Minute, Before: func() (bool, error) { return true, nil }}); l != nil || err != nil {
		t.Errorf("an unneeded lock: %v, %v", l, err)
	}
	if _, err := Acquire(t.Context(), path, Options{Before: func() (bool, error) { return false, cause }}); !errors.Is(err, cause) {
		t.Error(err)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
}

func TestALongWaitIsToldOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	l, err := Acquire(t.Context(), path, Options{Command: "gt slow"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	told := make(chan string, 2)
	_, err = Acquire(ctx, path, Options{Wait: time.Minute, Waiting: func(h Holder) { told <- h.String(); cancel() }})
	if !errors.Is(err, context.Canceled) || len(told) != 1 || !strings.Contains(<-told, "gt slow") {
		t.Error(err)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
}

func TestAChildThatInheritedTheLockHoldsIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	_, end := hold(t, path, "LOCKFILE_CHILD=1")
	// The process that took it has printed "held" and ends.
	if _, held, err := Look(path); !held || err != nil {
		t.Errorf("held %v, %v", held, err)
	}
	end()
	l, err := Acquire(t.Context(), path, Options{Wait: -1})
	if err != nil {
		t.Fatal(err)
	}
	// Release frees the lock also where a child has a copy of the file.
	child := exec.Command("cat")
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	child.ExtraFiles = []*os.File{l.File()}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
	if l, err = Try(path, ""); l == nil || err != nil {
		t.Errorf("after Release: %v, %v", l, err)
	} else if err := l.Release(); err != nil {
		t.Error(err)
	}
	_ = in.Close()
	_ = child.Wait()
}

func TestAcquireDir(t *testing.T) {
	dir := t.TempDir()
	l, err := AcquireDir(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := AcquireDir(t.Context(), dir, Options{Wait: time.Millisecond}); !errors.Is(err, town.ErrBusy) || !strings.Contains(err.Error(), "held by another process") {
		t.Error(err)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
	if _, err := AcquireDir(t.Context(), filepath.Join(dir, "missing"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// The contents that processes of former versions wrote, and arbitrary ones.
func TestHoldersAreReadInEveryFormat(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "another process",
		"rubbish":                        "another process",
		`{"pid":0}`:                      "another process",
		`{"pid":"x"}`:                    "another process",
		`{"pid":12,"command":"gt sync"}`: "pid 12, gt sync",
		`{"pid":12,"command":"gt sync"}"left of a longer one"}`:                       "pid 12, gt sync",
		`{"pid":12,"command":"gt","state":"starting"}`:                                "pid 12, gt, which is starting",
		"pid 12, gt federation sync":                                                  "pid 12, gt federation sync",
		"pid 12, gt\x1b[31m sync\nmore":                                               "pid 12, gt[31m sync",
		`{"pid":12,"command":"gt","since":"2026-01-02T03:04:05Z","more":true}` + "\n": "pid 12, gt, since 2026-01-02 03:04:05Z",
	} {
		if got := parse(strings.NewReader(text)).String(); got != want {
			t.Errorf("%q is read as %q, want %q", text, got, want)
		}
	}
	if got := Read(t.TempDir()).String(); got != "another process" {
		t.Errorf("of a directory: %q", got)
	}
}

func TestLookMakesNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	if _, held, err := Look(path); held || err != nil {
		t.Errorf("%v, %v", held, err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Look made the file (%v)", err)
	}
}
