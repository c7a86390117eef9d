package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gastown/e2e/terminal"
)

// silentSSH stands for ssh: a server that says nothing until the file "speak" exists,
// and then serves the repository.
const silentSSH = `#!/bin/sh
until [ -e "$SPEAK" ]; do sleep 0.05; done
for command; do :; done
exec sh -c "$command"
`

// While a server says nothing a person at a terminal reads which one is awaited.
// Nothing of that is on standard output, and nothing of it stays on the screen.
func TestASilentServerIsNamed(t *testing.T) {
	dir := t.TempDir()
	speak := filepath.Join(dir, "speak")
	ssh := filepath.Join(dir, "ssh")
	if err := os.WriteFile(ssh, []byte(silentSSH), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(speak, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	command := func(program string, args ...string) *exec.Cmd {
		cmd := exec.Command(program, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "HOME="+dir, "GT_ROOT=", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
			"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_SSH="+ssh, "GIT_SSH_VARIANT=simple", "SPEAK="+speak)
		return cmd
	}
	gt := filepath.Join(bin, "gt")
	for _, cmd := range []*exec.Cmd{
		command("git", "init", "-q", "--bare", "hub.git"), command(gt, "install", "alpha"),
		command(gt, "--town", "alpha", "federation", "init", "ssh://host"+dir+"/hub.git", "--yes"),
	} {
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
		}
	}
	if err := os.Remove(speak); err != nil {
		t.Fatal(err)
	}
	person, program := terminal.Open(t)
	pull := command(gt, "--town", "alpha", "federation", "pull")
	var stdout bytes.Buffer
	pull.Stdout, pull.Stderr = &stdout, program
	if err := pull.Start(); err != nil {
		t.Fatal(err)
	}
	// A busy machine may leave out a second.
	screen := terminal.ReadUntilMatch(t, person, regexp.MustCompile(`wait for the server of origin \(([2-9]|\d\d+) s\)`))
	if err := os.WriteFile(speak, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := pull.Wait(); err != nil {
		t.Errorf("%v: %q", err, screen)
	}
	if stdout.String() != "origin: nothing new\n" {
		t.Errorf("standard output is %q", stdout.String())
	}
	if _, err := program.WriteString("#"); err != nil {
		t.Fatal(err)
	}
	if screen = terminal.ReadUntil(t, person, "#"); !strings.HasSuffix(screen, "\r\x1b[K#") {
		t.Errorf("the line stays: %q", screen)
	}
}
