package federation

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"gastown/cmd/gt/internal/gttest"
	"gastown/cmd/internal/shell"
	"gastown/e2e/terminal"
)

func question(person, program *os.File) *initOptions {
	w := gttest.Towns{}
	i := w.Invocation()
	i.Stdin, i.Stderr = program, program
	return &initOptions{call: w.Program(i).Call()}
}

// On a terminal the preview is shown and the person is asked. Only yes agrees.
func TestConfirmAsks(t *testing.T) {
	for answer, agreed := range map[string]bool{"y\n": true, "YES\n": true, "n\n": false, "\n": false, "yeah\n": false} {
		person, program := terminal.Open(t)
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
		screen := terminal.ReadUntil(t, person, "[y/N]") // the typed text is echoed first
		for _, want := range []string{"/srv/town.git", `harbour\x1b[2J`, "Continue? [y/N]"} {
			if !strings.Contains(screen, want) {
				t.Errorf("the screen lacks %q:\n%s", want, screen)
			}
		}
	}
}

// A person who ends the question without an answer has not agreed.
func TestConfirmInterrupted(t *testing.T) {
	person, program := terminal.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- question(person, program).confirm(ctx, &preview{}) }()
	terminal.ReadUntil(t, person, "[y/N]")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	// Ends the reader of the abandoned question.
	if _, err := person.WriteString("y\n"); err != nil {
		t.Fatal(err)
	}
}
