package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gastown/e2e/terminal"
)

// gt status --watch draws on a terminal until q or an interrupt, in the Deacon too, and
// the terminal is as it was: also when its front was killed, and nobody could tell it.
func TestWatchLeavesTheTerminalAsItWas(t *testing.T) {
	dir := t.TempDir()
	t.Cleanup(func() { stopDeacons(dir) })
	command := func(args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, "gt"), args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "HOME="+dir, "GT_ROOT="+filepath.Join(dir, "alpha"), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "TERM=xterm", "NO_COLOR=1")
		return cmd
	}
	for _, args := range [][]string{{"install", "alpha"}, {"config", "deacon.http_address", "127.0.0.1:0"}, {"deacon", "start"}} {
		if out, err := command(args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	for name, end := range map[string]func(person *os.File, p *os.Process) error{
		"q":           func(person *os.File, _ *os.Process) error { _, err := person.WriteString("q"); return err },
		"interrupted": func(_ *os.File, p *os.Process) error { return p.Signal(os.Interrupt) },
		"killed":      func(_ *os.File, p *os.Process) error { return p.Kill() },
	} {
		t.Run(name, func(t *testing.T) {
			person, program := terminal.Open(t)
			before, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
			if err != nil {
				t.Fatal(err)
			}
			cmd := command("status", "--watch")
			cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			shown := terminal.ReadUntil(t, person, "Federation  none")
			if !strings.Contains(shown, "\x1b[?1049h") || !strings.Contains(shown, "Deacon      runs") {
				t.Errorf("%q", shown)
			}
			if err := end(person, cmd.Process); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); (err != nil) != (name == "killed") {
				t.Error(err)
			}
			for begun := time.Now(); ; time.Sleep(awaitPoll) {
				after, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
				if err == nil && *after == *before {
					break
				}
				if time.Since(begun) > awaitLimit {
					t.Fatalf("the terminal is %+v, before %+v, %v", after, before, err)
				}
			}
			if name != "killed" { // whose screen nobody may write to any more
				terminal.ReadUntil(t, person, "\x1b[?25h\x1b[?1049l")
			}
		})
	}
}
