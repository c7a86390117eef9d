package deacon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gastown/e2e/internal/scratch"
	"gastown/e2e/terminal"
)

// front is a front that is not started yet.
func (p *place) front(program, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), filepath.Join(scratch.Binaries, program), args...)
	cmd.Env, cmd.Dir = p.Env, dir
	return cmd
}

// ran is how many commands have ended inside the Deacon.
func (d *daemon) ran() int {
	d.p.T.Helper()
	return int(metric(d.p.T, d, "gt_commands_total"))
}

// running is how many commands are under way in the Deacon.
func (d *daemon) running() int {
	d.p.T.Helper()
	return int(metric(d.p.T, d, "gt_commands_running"))
}

// patient is for how long a front waits for the Deacon's answer. After that it runs the
// command itself, as it does when the machine is very busy.
const patient = 4 * time.Second

// inside checks that a command that took so long ran inside the Deacon. before is what ran
// said before it.
func (d *daemon) inside(before int, took time.Duration, args []string) {
	d.p.T.Helper()
	if n := d.ran() - before; n != 1 && (n != 0 || took < patient) {
		d.p.T.Errorf("%v: %d commands ran inside the Deacon, in %s", args, n, took)
	}
}

// exitCode is the exit code of a command; -1 when a signal ended it.
func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	t.Fatal(err)
	return 0
}

// A command inside the Deacon has its caller's arguments, directory, environment,
// streams and umask, and behaves as it does alone.
func TestFrontsAreTheCallers(t *testing.T) {
	t.Parallel()
	dir := scratch.Dir(t)
	p := found(t, dir, "town")
	d := p.start()
	sub := filepath.Join(p.Root, "project")
	if err := os.Mkdir(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	ran := func(cmd *exec.Cmd) string {
		t.Helper()
		before, began := d.ran(), time.Now()
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v", cmd.Args, err)
		}
		d.inside(before, time.Since(began), cmd.Args)
		return string(out)
	}
	id := func(out string) string {
		t.Helper()
		var b struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal([]byte(out), &b); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return b.ID
	}

	create := p.front("bd", sub, "create", "from Bob", "--json")
	create.Env = append(create.Env, "BD_ACTOR=Bob")
	bead := id(ran(create))
	if out := ran(p.front("bd", sub, "show", bead, "--json")); !strings.Contains(out, `"created_by": "Bob`) {
		t.Errorf("the actor is not the caller's: %s", out)
	}

	update := p.front("bd", sub, "update", "--batch", "-")
	update.Stdin = strings.NewReader(fmt.Sprintf(`{"id":%q,"title":"from a pipe"}`, bead))
	ran(update)
	if out := ran(p.front("bd", sub, "list")); !strings.Contains(out, "from a pipe") {
		t.Errorf("standard input was not read: %s", out)
	}

	export := exec.Command("sh", "-c", "umask 022; exec "+filepath.Join(scratch.Binaries, "bd")+" export -o out.jsonl")
	export.Dir, export.Env = sub, p.Env
	ran(export)
	info, err := os.Stat(filepath.Join(sub, "out.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o644 {
		t.Errorf("the export has mode %o", info.Mode().Perm())
	}

	// A shell's <(command) is a descriptor of the front, so the front becomes the
	// engine.
	shell := exec.Command("bash", "-c", filepath.Join(scratch.Binaries, "bd")+` update --batch <(printf '{"id":"%s","title":"substituted"}' `+bead+`)`)
	shell.Dir, shell.Env = sub, p.Env
	if out, err := shell.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("substituted")) {
		t.Errorf("%v: %s", err, out)
	}

	// Errors and exit codes are those of a command in its own process, on the same
	// stream.
	for _, args := range [][]string{{"show", "bd-none"}, {"show"}, {"lst"}, {"create"}, {"close", bead, "--nothing"}, {"show", "bd-none", "--json"}, {"update", bead, "-p", "9"}} {
		results := map[string]bool{}
		for _, alone := range []string{"", "1"} {
			cmd := p.front("bd", sub, args...)
			cmd.Env = append(cmd.Env, "GT_ALONE="+alone)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			before, began := d.ran(), time.Now()
			code := exitCode(t, cmd.Run())
			results[fmt.Sprintf("%d\n%s\n%s", code, stdout.String(), stderr.String())] = true
			if took := time.Since(began); alone == "" {
				d.inside(before, took, args)
			} else if n := d.ran() - before; n != 0 {
				t.Errorf("bd %v, alone: %d commands ran inside the Deacon", args, n)
			}
		}
		if len(results) != 1 {
			t.Errorf("bd %v differs inside and alone: %v", args, results)
		}
	}
}

// A Deacon whose engine differs from the front's does not run its commands, and the
// command works all the same.
func TestFrontsOfAnotherBuild(t *testing.T) {
	t.Parallel()
	dir := scratch.Dir(t)
	p := found(t, dir, "town")
	d := p.start()
	other := filepath.Join(dir, "other")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bd", "gt-engine"} {
		from, err := os.Open(filepath.Join(scratch.Binaries, name))
		if err != nil {
			t.Fatal(err)
		}
		to, err := os.OpenFile(filepath.Join(other, name), os.O_CREATE|os.O_WRONLY, 0o755)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(to, from); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(to.Close(), from.Close()); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(filepath.Join(other, "bd"), "create", "by another build")
	cmd.Dir, cmd.Env = p.Root, p.Env
	before := d.ran()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if d.ran() != before {
		t.Error("the Deacon ran it")
	}
	if err := os.Remove(filepath.Join(other, "gt-engine")); err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(filepath.Join(other, "bd"), "list")
	cmd.Dir, cmd.Env = p.Root, p.Env
	out, err := cmd.CombinedOutput()
	if code := exitCode(t, err); code != 1 || !strings.Contains(string(out), "gt-engine is not beside") || !strings.Contains(string(out), "next: ") {
		t.Errorf("without an engine: exit %d, %s", code, out)
	}
}

// follow starts gt feed --follow and waits for its first line.
func (p *place) follow(env ...string) (*exec.Cmd, *bytes.Buffer) {
	p.T.Helper()
	cmd := p.front("gt", p.Root, "feed", "--follow", "--json")
	cmd.Env = append(cmd.Env, env...)
	stderr := new(bytes.Buffer)
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		p.T.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.T.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		p.T.Fatalf("gt feed --follow: %v: %s", err, stderr)
	}
	return cmd, stderr
}

// Ending a front ends its command: Ctrl-C with the same exit code as in a process
// of its own, a kill, and a closed pipe on standard output.
func TestFrontsThatAreEnded(t *testing.T) {
	t.Parallel()
	p := found(t, scratch.Dir(t), "town")
	d := p.start()
	p.Must("bd", "create", "something to follow")

	codes := map[int]bool{}
	for _, alone := range []string{"", "1"} {
		before, began := d.ran(), time.Now()
		cmd, stderr := p.follow("GT_ALONE=" + alone)
		took := time.Since(began)
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		codes[exitCode(t, cmd.Wait())] = true
		if alone == "" && took < patient && d.ran() == before {
			t.Errorf("it did not run inside the Deacon: %s", stderr)
		}
	}
	if len(codes) != 1 {
		t.Errorf("Ctrl-C ends it with different codes: %v", codes)
	}
	scratch.Await(t, "the interrupted command has ended", func() bool { return d.running() == 0 })

	cmd, _ := p.follow()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	scratch.Await(t, "the killed front's command has ended", func() bool { return d.running() == 0 })

	for i := range 40 {
		p.Must("bd", "create", fmt.Sprintf("bead %d", i), "--description", strings.Repeat("text ", 2000))
	}
	for _, alone := range []string{"", "1"} {
		pipe := exec.Command("bash", "-c", filepath.Join(scratch.Binaries, "bd")+` export | head -c 10 >/dev/null; echo ${PIPESTATUS[0]}`)
		pipe.Dir, pipe.Env = p.Root, append(p.Env, "GT_ALONE="+alone)
		out, err := pipe.CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != "141" {
			t.Errorf("alone %q: a closed pipe: %v, %s", alone, err, out)
		}
	}
	scratch.Await(t, "the command without a reader has ended", func() bool { return d.running() == 0 })
}

// A front that Ctrl-Z stopped leaves its standard input alone, though its command
// goes on in the Deacon: what is typed then is for the shell.
func TestFrontsThatAreStopped(t *testing.T) {
	t.Parallel()
	p := found(t, scratch.Dir(t), "town")
	d := p.start()
	in, typed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer typed.Close()
	var out bytes.Buffer
	cmd := p.front("bd", p.Root, "create", "read later", "--body-file", "-", "--json")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a job of its own, with a parent that can continue it
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scratch.Await(t, "the command runs", func() bool { return d.running() == 1 })
	if err := cmd.Process.Signal(syscall.SIGTSTP); err != nil {
		t.Fatal(err)
	}
	scratch.Await(t, "the front has stopped", func() bool {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(cmd.Process.Pid, &status, syscall.WUNTRACED|syscall.WNOHANG, nil)
		if err != nil || pid != 0 && !status.Stopped() {
			t.Fatalf("it ended: %v, %s", err, &out)
		}
		return pid != 0
	})
	p.Must("bd", "list") // the front did not wait until the Deacon knew that it stops
	fmt.Fprint(typed, "for the shell")
	p.Must("bd", "list") // time in which nothing must be read
	word := make([]byte, len("for the shell"))
	if n, err := unix.IoctlGetInt(int(in.Fd()), unix.TIOCINQ); err != nil || n != len(word) {
		t.Fatalf("%d of %d bytes are left, %v", n, len(word), err)
	}
	if _, err := io.ReadFull(in, word); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(typed, "for the bead")
	_ = typed.Close()
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), `"description": "for the bead"`) {
		t.Errorf("%v: %s", err, &out)
	}
}

// When the Deacon is killed during a command, the front explains the consequences.
func TestFrontsWhoseDeaconDies(t *testing.T) {
	t.Parallel()
	p := found(t, scratch.Dir(t), "town")
	d := p.start()
	p.Must("bd", "create", "something to follow")
	cmd, stderr := p.follow()
	d.kill()
	if code := exitCode(t, cmd.Wait()); code != 4 || !strings.Contains(stderr.String(), "nothing was changed") || !strings.Contains(stderr.String(), "next: ") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	// The next command finds no Deacon and works.
	p.Must("bd", "list")
	p.Must("gt", "deacon", "start")
}

// A hundred commands at once all succeed. A thousand more leave the Deacon with the
// descriptors it had before.
func TestFrontsInCrowds(t *testing.T) {
	t.Parallel()
	p := found(t, scratch.Dir(t), "town")
	p.Must("gt", "config", "rate.requests_per_second", "10000")
	p.Must("gt", "config", "rate.burst_size", "1000")
	d := p.start()
	p.Must("bd", "create", "a bead")
	crowd := func(n int) {
		t.Helper()
		before := d.ran()
		var wg sync.WaitGroup
		var mu sync.Mutex
		var failed []error
		slow := 0
		for range n {
			wg.Go(func() {
				cmd := p.front("bd", p.Root, "list", "--json")
				began := time.Now()
				out, err := cmd.CombinedOutput()
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					failed = append(failed, fmt.Errorf("%w: %s", err, out))
				}
				if time.Since(began) >= patient {
					slow++
				}
			})
		}
		wg.Wait()
		if len(failed) > 0 {
			t.Fatalf("%d of %d failed, the first: %v", len(failed), n, failed[0])
		}
		if ran := d.ran() - before; ran > n || ran < n-slow {
			t.Errorf("%d of %d ran inside the Deacon, and %d were slow", ran, n, slow)
		}
	}
	crowd(100)
	scratch.Await(t, "they have ended", func() bool { return d.running() == 0 })
	files := d.files()
	for range 10 {
		crowd(100)
	}
	scratch.Await(t, "as few descriptors are open as before", func() bool { return d.files() <= files+4 })
}

// files is how many descriptors the Deacon has open.
func (d *daemon) files() int {
	d.p.T.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", d.PID))
	if err != nil {
		d.p.T.Fatal(err)
	}
	return len(all)
}

// A question inside the Deacon is shown on the caller's terminal.
func TestFrontsAskOnTheCallersTerminal(t *testing.T) {
	t.Parallel()
	dir := scratch.Dir(t)
	p := found(t, dir, "town")
	hub := filepath.Join(dir, "hub.git")
	if out, err := exec.Command("git", "init", "-q", "--bare", hub).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p.Must("gt", "federation", "init", hub, "--yes")
	d := p.start()
	p.Must("bd", "create", "shared", "-l", "public")
	p.Must("gt", "federation", "share", "add", "public", "--label", "public")
	for _, c := range []struct {
		answer string
		code   int
	}{{"n", 3}, {"y", 0}} {
		answer, want := c.answer, c.code
		person, program := terminal.Open(t)
		cmd := p.front("gt", p.Root, "federation", "push")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
		before, began := d.ran(), time.Now()
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_ = program.Close()
		shown := terminal.ReadUntil(t, person, "[y/N]")
		if _, err := person.WriteString(answer + "\n"); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(io.Discard, person) }()
		if code := exitCode(t, cmd.Wait()); code != want {
			t.Errorf("%q: exit %d, want %d: %s", answer, code, want, shown)
		}
		d.inside(before, time.Since(began), cmd.Args)
	}
}
