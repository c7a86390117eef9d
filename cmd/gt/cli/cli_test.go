package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/cmd/gt/internal/gttest"
	"gastown/cmd/internal/shell"
	"gastown/town/layout"
)

func TestRewrite(t *testing.T) {
	for in, want := range map[string]string{
		"config.cache.ttl 300": "config cache.ttl 300", "--town x config.cache.ttl": "--town x config cache.ttl",
		"--json config.cache.ttl": "--json config cache.ttl", "config cache.ttl": "config cache.ttl",
		"federation commit -m config.x": "federation commit -m config.x", "config.": "config.",
	} {
		if got := strings.Join(rewrite(strings.Fields(in)), " "); got != want {
			t.Errorf("%s became %s", in, got)
		}
	}
}

// Output to a full device is a failure.
func TestOutputThatCannotBeWritten(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	var stderr bytes.Buffer
	w := gttest.New(t)
	i := w.Invocation("version")
	i.Stdout, i.Stderr = full, &stderr
	if code := Program(i).Prepare().Run(t.Context()); code != shell.ExitFailed {
		t.Errorf("exit %d", code)
	}
	if !strings.Contains(stderr.String(), "no space left") {
		t.Errorf("told: %s", stderr.String())
	}
}

// A command that waits for a lock names its holder, and gives up in time.
func TestBusy(t *testing.T) {
	w := gttest.New(t)
	run := func(args ...string) (int, string) {
		var stderr bytes.Buffer
		i := w.Invocation(append(args, "--wait", "50ms")...)
		i.Stderr = &stderr
		return Program(i).Prepare().Run(t.Context()), stderr.String()
	}
	if code, stderr := run("install", "alpha"); code != shell.ExitOK {
		t.Fatal(stderr)
	}
	where := layout.Town{Root: filepath.Join(w.Dir, "alpha")}
	for _, test := range []struct {
		lock string
		args []string
	}{{"config", []string{"--town", "alpha", "config", "cache.ttl", "7"}}, {"install", []string{"install", "alpha"}}} {
		unlock, err := shell.Lock(t.Context(), where, test.lock, shell.LockOptions{Command: "gt test", Wait: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		code, stderr := run(test.args...)
		if code != shell.ExitBusy || !strings.Contains(stderr, "another gt changes its "+test.lock) {
			t.Errorf("%v: exit %d: %s", test.args, code, stderr)
		}
		if err := unlock(); err != nil {
			t.Fatal(err)
		}
		if code, stderr := run(test.args...); code != shell.ExitOK {
			t.Errorf("%v: exit %d: %s", test.args, code, stderr)
		}
	}
}
