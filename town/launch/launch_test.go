package launch

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == Flag {
		code, err := Main(os.Args[2])
		os.Stderr.WriteString(err.Error())
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// launched runs the launcher on a file.
func launched(t *testing.T, file string) (out string, code int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, Flag, file)
	cmd.Env = append(os.Environ(), "OF_THE_CALLER=1")
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

func TestLaunch(t *testing.T) {
	dir := t.TempDir()
	file, joined := filepath.Join(dir, "spec"), filepath.Join(dir, "joined")
	if err := os.WriteFile(joined, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	spec := Spec{
		Argv: []string{"sh", "-c", `env; pwd; ulimit -n; echo "$@"; test "$(cat joined)" = $$ && echo joined`, "x", "a b; $(c)"},
		Dir:  dir, Env: []string{"PATH=/usr/bin:/bin", "GIVEN=1"}, Join: []string{joined}, Limits: []Limit{{unix.RLIMIT_NOFILE, 100}},
	}
	if err := Write(file, spec); err != nil {
		t.Fatal(err)
	}
	out, code := launched(t, file)
	if code != 0 || strings.Contains(out, "OF_THE_CALLER") || !strings.Contains(out, "GIVEN=1\n") || !strings.Contains(out, dir+"\n100\na b; $(c)\njoined\n") {
		t.Errorf("exit code %d: %s", code, out)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
}

func TestWhatDoesNotStart(t *testing.T) {
	for name, test := range map[string]struct {
		spec Spec
		code int
	}{
		"no such program":   {Spec{Argv: []string{"no-such-program"}, Dir: "/"}, ExitNotFound},
		"no program":        {Spec{Dir: "/"}, ExitSurroundings},
		"a directory":       {Spec{Argv: []string{"/usr"}, Dir: "/"}, ExitNotRunnable},
		"no such directory": {Spec{Argv: []string{"/bin/sh"}, Dir: "/nowhere"}, ExitSurroundings},
		"no such cgroup":    {Spec{Argv: []string{"/bin/sh"}, Dir: "/", Join: []string{"/nowhere/cgroup.procs"}}, ExitSurroundings},
	} {
		file := filepath.Join(t.TempDir(), "spec")
		if err := Write(file, test.spec); err != nil {
			t.Fatal(err)
		}
		if out, code := launched(t, file); code != test.code || out == "" {
			t.Errorf("%s: exit code %d, want %d: %s", name, code, test.code, out)
		}
	}
	open := filepath.Join(t.TempDir(), "open")
	if err := os.WriteFile(open, []byte(`{"argv":["/bin/true"],"dir":"/"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, code := launched(t, open); code != ExitSurroundings || !strings.Contains(out, "not a file that gt wrote") {
		t.Errorf("a file of anybody's: %d, %s", code, out)
	}
}

// A launcher waits for a file that is reserved, as long as whoever reserved it lives.
func TestReserve(t *testing.T) {
	file := filepath.Join(t.TempDir(), "spec")
	spec := Spec{Argv: []string{"echo", "begun"}, Dir: "/", Env: []string{"PATH=/usr/bin:/bin"}}
	type result struct {
		out  string
		code int
	}
	start := func() <-chan result {
		done := make(chan result, 1)
		go func() {
			out, code := launched(t, file)
			done <- result{out, code}
		}()
		return done
	}

	if err := os.WriteFile(file, []byte("of a start that was killed"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Reserve(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Reserve(file); !errors.Is(err, ErrReserved) {
		t.Errorf("reserved twice: %v", err)
	}
	waiting := start()
	time.Sleep(100 * time.Millisecond) // a launcher that does not wait has ended by then
	if err := p.Write(spec); err != nil {
		t.Fatal(err)
	}
	if got := <-waiting; got.out != "begun\n" || got.code != 0 {
		t.Errorf("%+v", got)
	}

	if p, err = Reserve(file); err != nil {
		t.Fatal(err)
	}
	cut := start()
	time.Sleep(100 * time.Millisecond)
	if err := p.file.Close(); err != nil { // as the kernel does with the file of a process that is killed
		t.Fatal(err)
	}
	if got := <-cut; got.code != ExitSurroundings || !strings.Contains(got.out, "cut off") {
		t.Errorf("after whoever reserved it was killed: %+v", got)
	}
	if p, err = Reserve(file); err != nil {
		t.Fatal(err)
	}
	if err := p.Drop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a dropped file is left: %v", err)
	}
}
