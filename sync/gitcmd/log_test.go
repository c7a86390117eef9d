package gitcmd

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Log reads whole messages, newest first, and no more than it is asked for; a
// repository without a commit has none.
func TestLog(t *testing.T) {
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=Ada", "-c", "user.email=ada@example.com"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v: %s", args, err, out)
		}
	}
	git("init", "-q")
	read := func(most int, yield func(Logged) error) error {
		p, err := Locate(t.Context(), dir, Options{Env: os.Environ()})
		if err != nil {
			t.Fatal(err)
		}
		return p.Log(t.Context(), most, yield)
	}
	var messages []string
	collect := func(c Logged) error {
		messages = append(messages, strings.TrimSpace(c.Message))
		return nil
	}
	if err := read(10, collect); err != nil || len(messages) != 0 {
		t.Errorf("%q, %v", messages, err)
	}
	for _, message := range []string{"one", "two\n\nwith a body (gt-1)", "three"} {
		git("commit", "-q", "--allow-empty", "-m", message)
	}
	if err := read(2, collect); err != nil || strings.Join(messages, "|") != "three|two\n\nwith a body (gt-1)" {
		t.Errorf("%q, %v", messages, err)
	}
	enough := errors.New("enough")
	if err := read(3, func(Logged) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("%v", err)
	}
}
