package term_test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gastown/cmd/internal/term"
	"gastown/e2e/terminal"
)

// A step that reports nothing is shown with its duration once it takes more than a
// second, and the line is removed before anything else is written and at the end.
func TestProgressOfASilentStep(t *testing.T) {
	person, program := terminal.Open(t)
	var clock atomic.Int64 // seconds
	p := term.NewProgress(program, "gt federation pull", func() time.Time { return time.Unix(1e9+clock.Load(), 0) })
	p.Step("wait for the server of origin", 0, 0, "")
	clock.Add(1)
	screen := terminal.ReadUntil(t, person, "s)")
	if !strings.Contains(screen, "wait for the server of origin (1 s)") || strings.Contains(screen, "gt federation pull") {
		t.Errorf("%q", screen)
	}
	clock.Add(1)
	terminal.ReadUntil(t, person, "wait for the server of origin (2 s)")
	out := p.Output(program)
	if !term.IsTerminal(out) || term.Direct(out) != io.Writer(program) {
		t.Error("the stream is a terminal no more")
	}
	fmt.Fprintln(out, "a result")
	// The terminal makes the line end two characters.
	if screen := terminal.ReadUntil(t, person, "\n"); !strings.HasSuffix(screen, "\r\x1b[Ka result\r\n") {
		t.Errorf("%q", screen)
	}
	p.Step("verify what arrived\x1b[2J", 3, 7, "files")
	clock.Add(1)
	if screen := terminal.ReadUntil(t, person, "(1 s)"); !strings.Contains(screen, `verify what arrived\x1b[2J 3/7 files (1 s)`) {
		t.Errorf("%q", screen)
	}
	p.Close()
	fmt.Fprint(program, "#")
	if screen := terminal.ReadUntil(t, person, "#"); !strings.HasSuffix(screen, "\r\x1b[K#") {
		t.Errorf("the line stays: %q", screen)
	}
}

// Nothing is shown when the stream is no terminal.
func TestProgressOfAPipe(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	none := term.NewProgress(write, "gt", time.Now)
	if none != nil || none.Output(write) != io.Writer(write) {
		t.Error("a pipe gets a progress")
	}
	none.Step("x", 1, 2, "files")
	none.Wait("x")
	none.Clear()
	none.Close()
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(read); err != nil || len(text) > 0 {
		t.Errorf("%q, %v", text, err)
	}
}
