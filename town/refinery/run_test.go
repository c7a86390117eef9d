package refinery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gastown/planes/operational"
	"gastown/town/launch"
	"gastown/town/rig"
)

// The test program is also the launcher of checks, and a process that merges.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == passFlag {
		if err := onePass(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) == 3 && os.Args[1] == launch.Flag {
		code, err := launch.Main(os.Args[2])
		fmt.Fprintln(os.Stderr, err)
		os.Exit(code)
	}
	os.Exit(m.Run())
}

func runner(t testing.TB) *Runner {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	if err := os.MkdirAll(tree, 0o700); err != nil {
		t.Fatal(err)
	}
	return &Runner{
		Name: "web", Tree: func(context.Context, string, int) (string, error) { return tree, nil }, Dir: dir, Logs: Logs{filepath.Join(dir, "logs")},
		Base: []string{"PATH=" + os.Getenv("PATH"), "SECRET=yes"}, Launcher: []string{self}, Now: time.Now, Grace: 100 * time.Millisecond,
	}
}

func (r *Runner) mustRun(t testing.TB, c rig.Check) (Ran, string) {
	t.Helper()
	c.Name = "test"
	ran, err := r.Check(t.Context(), c, strings.Repeat("a", 40), 0)
	if err != nil {
		t.Fatal(err)
	}
	f, err := r.Logs.Open(ran.Log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return ran, string(text)
}

func sh(script string) rig.Check { return rig.Check{Command: []string{"sh", "-c", script}} }

// The three ends of a check.
func TestEnds(t *testing.T) {
	r := runner(t)
	for _, c := range []struct {
		check  rig.Check
		end    operational.TestOutcome
		detail string
	}{
		{sh("echo fine"), operational.TestPassed, ""},
		{sh("exit 3"), operational.TestFailed, "exit 3"},
		{sh("kill -SEGV $$"), operational.TestBroken, "signal 11"},
		{sh("kill -KILL $$"), operational.TestBroken, "signal 9"},
		{sh("sh -c 'kill -KILL $$'; exit $?"), operational.TestBroken, "exit 137"},
		{sh("no-such-program-anywhere"), operational.TestBroken, "not found"},
		{rig.Check{Command: []string{"no-such-program-anywhere"}}, operational.TestBroken, "not found"},
		{rig.Check{Command: []string{"/etc/passwd"}}, operational.TestBroken, "could not be started"},
		{sh("echo 'write: No space left on device' >&2; exit 1"), operational.TestBroken, "the disk is full"},
		{sh("echo 'no space left on device'"), operational.TestPassed, ""},
		{rig.Check{Command: []string{"sleep", "60"}, Timeout: 50 * time.Millisecond}, operational.TestBroken, "did not end within 50ms"},
		{rig.Check{Command: []string{"sh", "-c", "trap '' TERM HUP; sleep 60"}, Timeout: 50 * time.Millisecond}, operational.TestBroken, "did not end within"},
		{rig.Check{Command: []string{"sh", "-c", `test "$A-$SECRET-$GT_CHECK" = "1--test"`}, Environment: map[string]string{"A": "1"}}, operational.TestPassed, ""},
		{sh(`touch "$TMPDIR/x" && test "$(pwd)" = "` + filepath.Join(r.Dir, "tree") + `"`), operational.TestPassed, ""},
	} {
		ran, log := r.mustRun(t, c.check)
		if ran.End != c.end || !strings.Contains(ran.Detail, c.detail) {
			t.Errorf("%q: %+v\n%s", c.check.Command, ran, log)
		}
	}
	if left, err := filepath.Glob(filepath.Join(r.Dir, "tmp-*")); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	r.Free = func(string) (uint64, error) { return 0, nil }
	if ran, _ := r.mustRun(t, sh("exit 1")); ran.End != operational.TestBroken {
		t.Errorf("failed on a full disk: %+v", ran)
	}
}

// Nothing that a check started goes on after it, however it ended.
func TestTheWholeTreeEnds(t *testing.T) {
	r := runner(t)
	file := filepath.Join(r.Dir, "pid")
	daemon := "setsid sh -c 'trap \"\" TERM HUP; echo $$ > " + file + ".new; mv " + file + ".new " + file + "; while :; do sleep 1; done' > /dev/null 2>&1 & while ! test -e " + file + "; do sleep 0.01; done; "
	for end, c := range map[operational.TestOutcome]rig.Check{
		operational.TestPassed: sh(daemon + "exit 0"), operational.TestFailed: sh(daemon + "exit 1"),
		operational.TestBroken: {Command: sh(daemon + "sleep 60").Command, Timeout: 500 * time.Millisecond},
	} {
		ran, log := r.mustRun(t, c)
		text, err := os.ReadFile(file)
		for errors.Is(err, os.ErrNotExist) && c.Timeout > 0 && c.Timeout < time.Minute { // a busy machine takes longer to begin
			c.Timeout *= 2
			ran, log = r.mustRun(t, c)
			text, err = os.ReadFile(file)
		}
		if ran.End != end {
			t.Errorf("%+v\n%s", ran, log)
		}
		if err != nil {
			t.Fatal(err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && !strings.Contains(string(stat), ") Z ") {
			t.Errorf("%s: %d goes on", end, pid)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

// A check whose context ends says nothing about the commit.
func TestACheckThatIsInterrupted(t *testing.T) {
	r := runner(t)
	ctx, cancel := context.WithCancel(t.Context())
	file := filepath.Join(r.Dir, "began")
	done := make(chan error)
	go func() {
		_, err := r.Check(ctx, rig.Check{Name: "test", Command: []string{"sh", "-c", "touch " + file + "; sleep 60"}}, strings.Repeat("a", 40), 0)
		done <- err
	}()
	for {
		if _, err := os.Stat(file); err == nil {
			break
		}
		time.Sleep(time.Millisecond) // until the check runs
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("it ended as if nothing had happened")
	}
}

// Whoever ends the refinery ends the check with it, and the check ends first: that says
// nothing about the commit either. A check that a signal ends by itself could not be run.
func TestACheckThatEndsBeforeTheRefinery(t *testing.T) {
	for _, stops := range []bool{true, false} {
		r := runner(t)
		r.Grace = time.Hour
		if !stops {
			r.Grace = 10 * time.Millisecond
		}
		ctx, cancel := context.WithCancel(t.Context())
		r.Free = func(string) (uint64, error) { // asked when the check has ended
			if stops {
				time.AfterFunc(50*time.Millisecond, cancel)
			}
			return 1 << 40, nil
		}
		ran, err := r.Check(ctx, rig.Check{Name: "test", Command: []string{"sh", "-c", "kill -TERM $$"}}, strings.Repeat("a", 40), 0)
		if (err != nil) != stops || !stops && ran.End != operational.TestBroken {
			t.Errorf("stops: %v; %+v, %v", stops, ran, err)
		}
		cancel()
	}
}

// A log keeps its beginning and its end, and says how much is left out.
func TestALongLog(t *testing.T) {
	r := runner(t)
	ran, log := r.mustRun(t, sh("echo first; head -c 5000000 /dev/zero | tr '\\0' 'x'; echo; echo last"))
	if ran.End != operational.TestPassed || len(log) > logHead+logTail+1000 || !strings.Contains(log, "first\n") || !strings.Contains(log, "\nlast\n") || !strings.Contains(log, "bytes are left out here") {
		t.Errorf("%+v, %d bytes", ran, len(log))
	}
	for i := range maxLogs + 3 {
		if _, w, err := r.Logs.Create("test", 0, time.Unix(int64(i), 0)); err != nil || w.Close() != nil {
			t.Fatal(err)
		}
	}
	if err := r.Logs.Prune(); err != nil {
		t.Fatal(err)
	}
	if all, err := os.ReadDir(r.Logs.Dir); err != nil || len(all) != maxLogs || all[len(all)-1].Name() != ran.Log {
		t.Errorf("%d logs, %v", len(all), err)
	}
	for _, bad := range []string{"", "..", "../x", "20260101T000000.000000-../x"} {
		if _, err := r.Logs.Open(bad); err == nil {
			t.Errorf("opened %q", bad)
		}
	}
}

// A result counts for one command, one environment and one timeout.
func TestKeys(t *testing.T) {
	of := func(base []string, c rig.Check) operational.TestKey {
		c.Name = "test"
		return Keys(base, rig.Settings{Name: "web", Checks: []rig.Check{c}})["test"]
	}
	base := []string{"PATH=/bin", "OTHER=1"}
	same := of(base, rig.Check{Command: []string{"a", "b"}})
	if again := of([]string{"OTHER=2", "PATH=/bin"}, rig.Check{Command: []string{"a", "b"}}); again != same {
		t.Error("a variable that checks do not get counts")
	}
	for what, k := range map[string]operational.TestKey{
		"words":   of(base, rig.Check{Command: []string{"a b"}}),
		"PATH":    of([]string{"PATH=/usr/bin"}, rig.Check{Command: []string{"a", "b"}}),
		"its own": of(base, rig.Check{Command: []string{"a", "b"}, Environment: map[string]string{"X": "1"}}),
		"timeout": of(base, rig.Check{Command: []string{"a", "b"}, Timeout: time.Second}),
	} {
		if k == same {
			t.Errorf("%s do not count", what)
		}
	}
}
