package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gastown/e2e/internal/programs"
)

// The demonstration succeeds, and it runs README's lines about an agent that works on
// a bead. Every line that README shows as their output is printed.
func TestDemo(t *testing.T) {
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("", "gtd") // the sockets need a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "./demo.sh")
	cmd.Env = append(os.Environ(), "DEMO_DIR="+dir, "GT_MACHINE_CHECK=false", programs.Env+"="+bin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(readme), "\n## Two minutes")
	section, _, _ = strings.Cut(section, "\n## ")
	lines, shown, both := strings.Cut(section, "\n`gt rig add`")
	if !found || !both {
		t.Fatal("README.md has no section with the lines of the demonstration")
	}
	printed := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		printed[masked(line)] = true
	}
	for what, text := range map[string]string{"run": lines, "print": shown} {
		n := 0
		for line := range strings.Lines(text) {
			if line, ok := strings.CutPrefix(line, "    "); ok {
				n++
				if !printed[masked(line)] {
					t.Errorf("the demonstration does not %s README's line %q", what, line)
				}
			}
		}
		if n == 0 {
			t.Errorf("README has no lines that the demonstration should %s", what)
		}
	}
	if left := inTown(filepath.Join(dir, "tour", "town")); left != "" {
		t.Errorf("the demonstration left processes:\n%s", left)
	}
}

var (
	varying = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|\b[0-9a-f]{7,40}\b`)
	blanks  = regexp.MustCompile(`\s+`)
)

// masked is a line without the times and commits in it.
func masked(line string) string {
	return strings.TrimSpace(blanks.ReplaceAllString(varying.ReplaceAllString(line, "#"), " "))
}

// inTown lists the processes whose command line or environment names a Town.
func inTown(town string) string {
	var found strings.Builder
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range all {
		for _, file := range []string{"cmdline", "environ"} {
			text, err := os.ReadFile(filepath.Join(p, file))
			if line := strings.ReplaceAll(string(text), "\x00", " "); err == nil && strings.Contains(line, town) {
				found.WriteString(filepath.Base(p) + ": " + line + "\n")
				break
			}
		}
	}
	return found.String()
}
