package federation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gastown/cmd/gt/internal/gttest"
	"gastown/cmd/internal/shell"
)

// terminal makes a pseudo-terminal: text written to person is read from program.
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

func question(person, program *os.File) *initOptions {
	w := gttest.Towns{}
	i := w.Invocation()
	i.Stdin, i.Stderr = program, program
	return &initOptions{call: w.Program(i).Call()}
}

// On a terminal the preview is shown and the person is asked. Only yes agrees.
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
		if err != nil && shell.ExitCode(err) != shell.ExitRefused {
			t.Errorf("%q exits %d", answer, shell.ExitCode(err))
		}
		buf, screen := make([]byte, 4096), ""
		for !strings.Contains(screen, "[y/N]") { // the typed text is echoed first
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

// A person who ends the question without an answer has not agreed.
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
	// Ends the reader of the abandoned question.
	if _, err := person.WriteString("y\n"); err != nil {
		t.Fatal(err)
	}
}
