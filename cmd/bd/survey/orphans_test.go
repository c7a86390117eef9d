package survey

import (
	"strings"
	"testing"
)

// A commit names a bead as done in parentheses or after a word that closes.
func TestDoneBy(t *testing.T) {
	for message, want := range map[string]string{
		"Fix it (gt-a3f8x)": "gt-a3f8x", "fixes gt-1. Also closes: x-y-2.1!": "gt-1 x-y-2.1", "see gt-1": "", "(not an id)": "", "resolve gt-1 and gt-2": "gt-1",
		"prefix gt-1": "", "(gt-1) (gt-2)": "gt-1 gt-2", "(gt-)": "",
	} {
		if got := strings.Join(doneBy(message), " "); got != want {
			t.Errorf("%q names %q, not %q", message, got, want)
		}
	}
}
