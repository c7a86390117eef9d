package elsewhere

import (
	"slices"
	"strings"
	"testing"
)

// An answer is one line that fits two lines of a terminal.
func TestAnswersAreOneLine(t *testing.T) {
	for _, w := range Words() {
		if a := answers[w]; strings.ContainsAny(a, "\n\r") || len(a) > 150 || strings.HasSuffix(a, ".") || a == "" {
			t.Errorf("%s: %q", w, a)
		}
	}
}

// Whatever follows a word with an answer is left out, and all other arguments stay.
func TestRewrite(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"backup init --to x --force", "backup"},
		{"--json gate list -n 3", "--json gate"},
		{"vc status --json", "vc --json"},
		{"mol --help", "mol --help"},
		{"--actor mail list --all", "--actor mail list --all"},
		{"-C sql create x --parent y", "-C sql create x --parent y"},
		{"create backup -d text", "create backup -d text"},
		{"--town=x sql select", "--town=x sql"},
		{"list", "list"}, {"", ""},
	} {
		if got := Rewrite(strings.Fields(c.args)); !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%q: %q, want %q", c.args, got, c.want)
		}
	}
}
