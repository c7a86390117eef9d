package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gastown/cmd/internal/shell"
	"gastown/town"
)

// terminal makes a pseudo-terminal: what is typed at person reads at program.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

func question(person, program *os.File) *foundOptions {
	return &foundOptions{app: &App{
		Stdin: program, Stdout: io.Discard, Stderr: program, Getenv: func(string) string { return "" }, Now: time.Now,
	}}
}

// On a terminal the preview is shown and a person is asked; only yes is yes.
func TestConfirmAsks(t *testing.T) {
	for answer, agreed := range map[string]bool{"y\n": true, "YES\n": true, "n\n": false, "\n": false, "yeah\n": false} {
		person, program := terminal(t)
		if _, err := person.WriteString(answer); err != nil {
			t.Fatal(err)
		}
		err := question(person, program).confirm(t.Context(), &preview{Remote: "origin", URL: "/srv/town.git", Town: "harbour\x1b[2J"})
		if (err == nil) != agreed {
			t.Errorf("%q: %v", answer, err)
		}
		if err != nil && exitCode(err) != exitRefused {
			t.Errorf("%q exits %d", answer, exitCode(err))
		}
		buf, screen := make([]byte, 4096), ""
		for !strings.Contains(screen, "[y/N]") { // what was typed is echoed first
			n, err := person.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			screen += string(buf[:n])
		}
		for _, want := range []string{"/srv/town.git", `harbour\x1b[2J`, "Continue? [y/N]"} {
			if !strings.Contains(screen, want) {
				t.Errorf("the screen lacks %q:\n%s", want, screen)
			}
		}
	}
}

// Somebody who ends the question instead of answering has not agreed.
func TestConfirmInterrupted(t *testing.T) {
	person, program := terminal(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- question(person, program).confirm(ctx, &preview{}) }()
	buf := make([]byte, 4096)
	for seen := ""; !strings.Contains(seen, "[y/N]"); {
		n, err := person.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		seen += string(buf[:n])
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	// Lets the reader of the abandoned question end.
	if _, err := person.WriteString("y\n"); err != nil {
		t.Fatal(err)
	}
}

func TestExitCodes(t *testing.T) {
	for _, test := range []struct {
		err  error
		want int
	}{
		{nil, 0}, {errors.New("x"), 1}, {town.Fail("do", "", "%w", town.ErrUsage), 2}, {reviewsOpen{2}, 3},
		{fmt.Errorf("x: %w", town.ErrBusy), 4}, {town.Fail("do", "", "%w", town.ErrRefused), 5},
		{errors.Join(reviewsOpen{1}, town.ErrBusy), 4}, {context.Canceled, 1},
	} {
		if got := exitCode(test.err); got != test.want {
			t.Errorf("%v exits %d, want %d", test.err, got, test.want)
		}
	}
}

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

func TestNameFrom(t *testing.T) {
	for in, want := range map[string]string{
		"harbour": "harbour", "My Town": "my-town", "...": "town", "": "town", "表": "town", "-x-": "x",
		strings.Repeat("a", 80): strings.Repeat("a", 64), "Gas.Town_2": "gas.town_2",
	} {
		if got := nameFrom(in); got != want {
			t.Errorf("nameFrom(%q) = %q, want %q", in, got, want)
		}
		if err := town.CheckName(nameFrom(in)); err != nil {
			t.Error(err)
		}
	}
}

func TestUnsettled(t *testing.T) {
	for text, bad := range map[string]bool{
		"plain": false, "a\n<<<<<<< ours\n": true, ">>>>>>> theirs\r\n": true, "||||||| base": true,
		"=======\n": false, "  <<<<<<< ours\n": false, "<<<<<<< oursx\n": false,
	} {
		if err := unsettled(text); (err != nil) != bad {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A full device is a failure, not a success nobody can read.
func TestOutputThatCannotBeWritten(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	var stderr bytes.Buffer
	a := &App{Stdin: strings.NewReader(""), Stdout: full, Stderr: &stderr, Dir: t.TempDir(),
		Getenv: func(string) string { return "" }, Now: time.Now}
	if code := a.Run(t.Context(), []string{"version"}); code != exitFailed {
		t.Errorf("exit %d", code)
	}
	if !strings.Contains(stderr.String(), "no space left") {
		t.Errorf("told: %s", stderr.String())
	}
}

// A command that waits for a lock says who has it, and ends in time.
func TestBusy(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "alpha")
	run := func(args ...string) (int, string) {
		var stderr bytes.Buffer
		a := &App{Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: &stderr, Dir: filepath.Dir(dir),
			Getenv: func(string) string { return "" }, Now: time.Now}
		return a.Run(t.Context(), append(args, "--wait", "50ms")), stderr.String()
	}
	if code, said := run("install", "alpha"); code != exitOK {
		t.Fatal(said)
	}
	holder := &App{Dir: dir, Getenv: os.Getenv, Now: time.Now, Globals: shell.Globals{Wait: time.Second}}
	where, err := holder.find()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		lock string
		args []string
	}{{"config", []string{"--town", "alpha", "config", "cache.ttl", "7"}}, {"install", []string{"install", "alpha"}}} {
		unlock, err := holder.lock(t.Context(), where, test.lock)
		if err != nil {
			t.Fatal(err)
		}
		code, said := run(test.args...)
		if code != exitBusy || !strings.Contains(said, "another gt changes its "+test.lock) {
			t.Errorf("%v: exit %d: %s", test.args, code, said)
		}
		if err := unlock(); err != nil {
			t.Fatal(err)
		}
		if code, said := run(test.args...); code != exitOK {
			t.Errorf("%v: exit %d: %s", test.args, code, said)
		}
	}
}
