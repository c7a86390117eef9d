package term

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// Text from a remote or a file never controls a terminal.
func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain ünïcode 表\tx": "plain ünïcode 表\tx", "\x1b[31mred": `\x1b[31mred`, "a\r\nb": `a\x0d\x0ab`,
		"\u202eevil": `\u{202e}evil`, "\x9b": `\x9b`, "\u009b": `\u{9b}`, "bad\xffbyte": `bad\xffbyte`, "real \ufffd": "real \ufffd", "": "",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTableFitsTheTerminal(t *testing.T) {
	var out bytes.Buffer
	p := &Printer{w: &out, width: 24}
	p.Table([]string{"NAME", "TEXT"}, [][]string{{"a", "one two three four five"}, {"表表", "x\x1b"}})
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	want := "NAME  TEXT\na     one two three fou…\n表表  x\\x1b\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	if got := p.Fit("one\ttwo\x07 three four five six"); got != "one two\\x07 three four …" {
		t.Errorf("%q", got)
	}
}

// A table is never wider than the terminal, if that has room for ten columns of
// text in each column. In a pipe nothing is cut, and padding is bounded.
func TestTablesOfLongColumns(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	var out bytes.Buffer
	p := &Printer{w: &out, width: 48}
	p.Table([]string{"ID", "ONE", "TWO", "LAST"}, [][]string{{"gt-a3f8x", long, "short", "end"}, {"b", "x", long, long}})
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if n := ansi.StringWidth(strings.TrimSuffix(line, "\n")); n > 48 {
			t.Errorf("%d columns: %.60s", n, line)
		}
	}
	if !strings.Contains(out.String(), "\ngt-a3f8x  xxx") {
		t.Error(out.String())
	}
	out.Reset()
	p = &Printer{w: &out}
	p.Table([]string{"ID", "ONE", "TWO"}, [][]string{{"a", long, "end"}, {"b", "x", "end"}})
	if err := p.Flush(); err != nil || !strings.Contains(out.String(), long+"  end\n") || out.Len() > len(long)+1000 {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
}

// A question is abandoned when the work it is for has ended.
func TestReadLineEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	from, to := io.Pipe()
	defer to.Close()
	if _, err := ReadLine(ctx, from); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// A short step is not shown, nor is a long one just after the command wrote something
// or while a question stands on the terminal.
func TestProgressLine(t *testing.T) {
	now := time.Unix(1000, 0)
	p := &Progress{w: io.Discard, now: func() time.Time { return now }, phase: "gt doctor", since: now}
	out := &guarded{p, io.Discard}
	expect := func(want string) {
		t.Helper()
		if got := p.line(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	pass := func(d time.Duration) { now = now.Add(d) }
	expect("")
	pass(time.Second)
	expect("gt doctor (1 s)")
	_, _ = out.Write([]byte("a finding\n"))
	expect("")
	pass(time.Second)
	expect("gt doctor (2 s)")
	_, _ = out.Write([]byte("Continue? [y/N] "))
	pass(time.Hour)
	expect("")
	p.Step("merge", 0, 0, "")
	expect("")
	pass(2 * time.Second)
	expect("merge (2 s)")
	p.Step("merge", 5, 0, "commits")
	expect("merge 5 commits (2 s)")
	p.Wait("pid 7 has it open")
	p.shown = true // a line that is there changes at once
	expect("waiting: pid 7 has it open")
	p.Step("", 0, 0, "")
	pass(time.Hour)
	expect("")
}
