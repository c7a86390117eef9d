package deacon

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gastown/e2e/internal/scratch"
	"gastown/town/layout"
	"gastown/town/lockfile"
	"gastown/town/process"
)

// hangsIn makes this program a process that has the Deacon's lock of a Town and its
// sockets, answers nobody and ignores SIGTERM.
const hangsIn = "GT_TEST_HANGS_IN"

func hang(root string) {
	t := layout.Town{Root: root}
	signal.Ignore(syscall.SIGTERM)
	err := errors.Join(os.Chdir(root), os.MkdirAll(filepath.Dir(t.DeaconLock()), 0o700), os.MkdirAll(filepath.Dir(t.ControlSocket()), 0o700))
	var lock *lockfile.Lock
	if err == nil {
		if lock, err = lockfile.Try(t.DeaconLock(), "gt deacon"); err == nil && lock == nil {
			err = errors.New("another process has the lock")
		}
	}
	if err == nil {
		lock.Note("running")
	}
	for _, path := range []string{t.ControlSocket(), t.CommandSocket(), t.SQLSocket()} {
		if err == nil {
			_, err = net.Listen("unix", path)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test ends
	runtime.KeepAlive(lock)
	os.Exit(0)
}

// hangs starts a process that is a Deacon which hangs.
func (p *place) hangs() *exec.Cmd {
	p.T.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), hangsIn+"="+p.Root)
	in, inErr := cmd.StdinPipe()
	out, err := cmd.StdoutPipe()
	if err := errors.Join(inErr, err); err != nil {
		p.T.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.T.Fatal(err)
	}
	ended := make(chan struct{})
	p.T.Cleanup(func() {
		_ = errors.Join(cmd.Process.Kill(), in.Close())
		<-ended
	})
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		p.T.Fatal(err)
	}
	go func() {
		defer close(ended)
		_ = cmd.Wait() // so that no process of its number is left
	}()
	return cmd
}

// piped runs a command whose output goes to a pipe, as an agent does. The pipe has to
// end with the command: a Deacon that hangs must not have it open.
func (p *place) piped(name string, args ...string) (text string, code int) {
	p.T.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		p.T.Fatal(err)
	}
	defer out.Close()
	cmd := p.front(name, p.Root, args...)
	cmd.Stdout, cmd.Stderr = in, in
	err = cmd.Start()
	_ = in.Close()
	if err != nil {
		p.T.Fatal(err)
	}
	type read struct {
		text []byte
		err  error
	}
	all := make(chan read, 1)
	go func() { text, err := io.ReadAll(out); all <- read{text, err} }()
	code = exitCode(p.T, cmd.Wait())
	select {
	case r := <-all:
		if r.err != nil {
			p.T.Fatal(r.err)
		}
		return string(r.text), code
	case <-time.After(scratch.Patience):
		p.T.Fatalf("%s %v has ended, and its pipe stays open", name, args)
		return "", code
	}
}

// A Deacon that hangs, and is not stopped, is named, with what helps;
// gt deacon stop ends it with SIGKILL when SIGTERM does not, and the Town works again.
func TestADeaconThatHangs(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits half a minute for a process that does not answer")
	}
	t.Parallel()
	p := found(t, scratch.Dir(t), "town")
	pid := strconv.Itoa(p.hangs().Process.Pid)
	for _, args := range [][]string{{"bd", "list"}, {"gt", "deacon", "status"}} {
		text, code := p.piped(args[0], args[1:]...)
		if code == 0 || !strings.Contains(text, "does not answer") || !strings.Contains(text, "pid "+pid) ||
			!strings.Contains(text, "gt deacon restart") || strings.Contains(text, "context deadline") {
			t.Errorf("%v: exit code %d\n%s", args, code, text)
		}
	}
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	if out, code := p.piped("gt", "--json", "deacon", "stop"); code != 0 || !strings.Contains(out, `"how": "SIGKILL"`) || !strings.Contains(out, `"pid": `+pid) || process.Alive(n) {
		t.Errorf("stop: %s", out)
	}
	if text, code := p.piped("bd", "create", "after it"); code != 0 {
		t.Errorf("create: %s", text)
	}
}

// The doctor names two Deacons of one Town, each by its process: the lock of the first
// was removed, so a second one could start.
func TestTheDoctorNamesTwoDeacons(t *testing.T) {
	t.Parallel()
	p := found(t, scratch.Dir(t), "town")
	first := p.hangs().Process.Pid
	town := layout.Town{Root: p.Root}
	if err := errors.Join(os.Remove(town.DeaconLock()), os.Remove(town.ControlSocket()), os.Remove(town.CommandSocket()), os.Remove(town.SQLSocket())); err != nil {
		t.Fatal(err)
	}
	second := p.start()
	if out, err := p.Try("gt", "doctor", "--offline"); err == nil || !strings.Contains(out, "a second Deacon (pid "+strconv.Itoa(first)+")") {
		t.Errorf("doctor: %v\n%s", err, out)
	}
	p.Must("gt", "deacon", "stop")
	if !process.Alive(first) {
		t.Errorf("stop ended %d, which has not the lock, beside %d", first, second.PID)
	}
}
