package town

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What libraries call a failure is told by what it means.
func TestPlain(t *testing.T) {
	_, number := strconv.Atoi("x: y")
	_, tooBig := strconv.ParseInt("99999999999999999999", 10, 64)
	_, yes := strconv.ParseBool("perhaps")
	_, duration := time.ParseDuration("5 minutes")
	for _, test := range []struct {
		raw  error
		want string
	}{
		{context.DeadlineExceeded, "it took too long"},
		{fmt.Errorf("pull: %w", context.Canceled), "pull: it was interrupted"},
		{io.EOF, "it ended too early"}, {io.ErrUnexpectedEOF, "it ended too early"},
		{errors.New("read: Error 1105 (HY000): Error 1105: no such branch"), "read: the database says: no such branch"},
		{errors.New("Error 1049 (HY000): database not found: ledger"), "the database says: database not found: ledger"},
		{errors.New("dial unix /x/sql.sock: connect: connection refused"), "connect to /x/sql.sock: connection refused"},
		{errors.New("dial tcp 127.0.0.1:1: connect: connection refused"), "connect to 127.0.0.1:1: connection refused"},
		{errors.New("dial tcp [::1]:1: i/o timeout"), "connect to [::1]:1: no answer in time"},
		{number, `"x: y" is not a number`}, {tooBig, `"99999999999999999999" is too large`}, {yes, `"perhaps" is neither true nor false`},
		{duration, `"5 minutes" is not a duration such as 90s or 5m`},
		{errors.New("it stopped: oh\n\ngoroutine 7 [running]:\nmain.main()"), "it stopped: oh"},
		{errors.New("the file EOFX and Error 1105 stay"), "the file EOFX and Error 1105 stay"},
	} {
		if got := Plain(test.raw.Error()); got != test.want {
			t.Errorf("%q is told as %q, want %q", test.raw, got, test.want)
		}
		if err := Worded(test.raw); err.Error() != test.want || !errors.Is(err, test.raw) {
			t.Errorf("%q is worded as %q", test.raw, err)
		}
	}
	if Worded(nil) != nil {
		t.Error("no error became one")
	}
}

func TestTyped(t *testing.T) {
	for word, want := range map[string]string{
		"web/nux": "web/nux", "": `""`, " ": `" "`, "a b": `"a b"`, "a\nb": `"a\nb"`, "a\x1b[2J": `"a\x1b[2J"`, "caf\xc3\xa9": "café", "\xff": `"\xff"`,
		"'": "'", strings.Repeat("x", 300): strings.Repeat("x", 100) + "...",
	} {
		if got := Typed(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}

// The kind that only an exit code needs is in no text, wherever the error was wrapped.
func TestMessage(t *testing.T) {
	err := Fail("read it", "", "%w: line 3: %w", ErrUsage, fmt.Errorf("%w: no such word", ErrUsage))
	if got := Message(errors.Join(err, ErrUsage)); got != "read it: line 3: no such word\nusage" {
		t.Errorf("%q", got)
	}
	if got := Message(fmt.Errorf("%w: x", ErrUsage)); got != "x" {
		t.Errorf("%q", got)
	}
}
