package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The steps of docs/from-public-bd.md work as they are written there. The public bd is
// a script that gives a recorded export.
func TestFromPublicBd(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "docs", "from-public-bd.md"))
	if err != nil {
		t.Fatal(err)
	}
	var there, here []string
	for line := range strings.Lines(string(doc)) {
		step, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "    $ ")
		switch {
		case !ok:
		case strings.Contains(step, "bd export"):
			there = append(there, step)
		default:
			here = append(here, step)
		}
	}
	if len(there) != 1 || len(here) < 5 {
		t.Fatalf("steps %q and %q", there, here)
	}
	recorded, err := filepath.Abs(filepath.Join("..", "planes", "ledger", "testdata", "public-1.0.5.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	public, dir := t.TempDir(), t.TempDir()
	fake := "#!/bin/sh\n[ \"$1\" = export ] && [ \"$2\" = -o ] && exec cp '" + recorded + "' \"$3\"\nexit 1\n"
	if err := os.WriteFile(filepath.Join(public, "bd"), []byte(fake), 0o700); err != nil {
		t.Fatal(err)
	}
	run := func(path, script string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "sh", "-ec", script)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + path + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com"}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", script, err, out)
		}
		return string(out)
	}
	run(public, there[0])
	out := run(bin, strings.Join(here, "\n"))
	for _, id := range []string{"hq-89r", "hq-5fp", "hq-89r.1"} {
		if !strings.Contains(out, id) {
			t.Errorf("%s did not arrive: %s", id, out)
		}
	}
}
