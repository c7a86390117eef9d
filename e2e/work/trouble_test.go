package work

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gastown/e2e/internal/scratch"
)

// script writes a program of the test's.
func (p *place) script(name, text string) {
	p.T.Helper()
	path := filepath.Join(p.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		p.T.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		p.T.Fatal(err)
	}
}

// over checks what holds when all is done: nothing is lost, nothing is left.
func (p *place) over() {
	p.T.Helper()
	p.OneEach()
	p.NukeAll()
	p.NothingLost("web.git")
	p.NothingLeft()
}

// says checks that an error names its cause and a next step.
func says(t *testing.T, err error, cause string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), cause) || !strings.Contains(err.Error(), "next: ") {
		t.Errorf("want %q and a next step: %v", cause, err)
	}
}

// A sling that meets a full disk says so. With room again the bead is worked, by one
// worker.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := scratch.Dir(t)
	disk := filepath.Join(dir, "disk")
	scratch.Disk(t, disk, 96<<20)
	p := foundIn(t, dir, "disk/town")
	p.Write("calm", "")
	failed := 0
	for i, free := range []int64{0, 60 << 10, 100 << 10, 200 << 10, 400 << 10, 1 << 20} {
		id := fmt.Sprintf("web-a%d", i)
		p.bead(id, "usual")
		release := scratch.Fill(t, disk, free)
		out, err := p.Try("gt", "sling", id, "web")
		release()
		if err != nil {
			failed++
			says(t, err, "no space left on device")
		}
		if strings.Contains(out, "nobody has it") {
			t.Errorf("%d bytes free: %s", free, out)
		}
		if _, err := p.Try("gt", "sling", id, "web"); err != nil && scratch.Exit(err) != 5 { // 5: it waits, or somebody has it
			t.Error(err)
		}
		p.patrolUntil(id+" is handed in", func() bool { return p.HandedIn(p.Status(), id) })
	}
	if failed == 0 {
		t.Error("no sling met a full disk")
	}
	p.over()
}

// A remote that refuses the push keeps a bead from being handed in, and a sandbox from
// being removed. The agent and the person are told the remote's reason.
func TestRemoteRefusesThePush(t *testing.T) {
	t.Parallel()
	p := found(t)
	p.Write("calm", "")
	p.script("web.git/hooks/pre-receive", "echo no pushes today >&2\nexit 1\n")
	p.bead("web-a1", "usual")
	p.GT("sling", "web-a1", "web")
	p.Await("gt done has told the agent why", func() bool {
		out, err := p.Try("gt", "peek", "web/amber", "-n", "100")
		return err == nil && strings.Contains(out, "no pushes today") && strings.Contains(out, "next: ")
	})
	if state := p.State("web-a1"); state != "in_progress" || p.HandedIn(p.Status(), "web-a1") {
		t.Errorf("the bead is %s, handed in: %v", state, p.HandedIn(p.Status(), "web-a1"))
	}
	_, err := p.Try("gt", "polecat", "nuke", "web/amber")
	says(t, err, "no pushes today")
	commits := p.Lines("commits")
	if len(commits) != 1 {
		t.Fatalf("commits %q", commits)
	}
	sandbox := filepath.Join(p.Root, "rigs", "web", "polecats", "amber")
	if head := strings.TrimSpace(p.Git("-C", sandbox, "rev-parse", "HEAD")); head != commits[0] {
		t.Errorf("the sandbox has %s and the agent made %s", head, commits[0])
	}
	if err := os.Remove(filepath.Join(p.remote(), "hooks", "pre-receive")); err != nil {
		t.Fatal(err)
	}
	p.NukeAll()
	p.NothingLost("web.git")
	if state := p.State("web-a1"); state != "open" {
		t.Errorf("the bead is %s", state)
	}
	p.GT("sling", "web-a1", "web")
	p.patrolUntil("the bead is handed in", func() bool { return p.HandedIn(p.Status(), "web-a1") })
	p.over()
}

// With a tmux that is too old a sling says which one is needed. The assignment stands,
// and work begins when there is a newer one.
func TestOldTmux(t *testing.T) {
	t.Parallel()
	p := found(t)
	p.Write("calm", "")
	p.script("old/tmux", "echo tmux 2.9a\n")
	p.bead("web-a1", "usual")
	was := p.Env
	p.Env = append([]string{"PATH=" + filepath.Join(p.Dir, "old") + string(os.PathListSeparator) + os.Getenv("PATH")}, was[1:]...)
	const cause = "tmux is too old: install tmux 3.0 or newer"
	_, err := p.Try("gt", "sling", "web-a1", "web")
	says(t, err, cause)
	if out := p.GT("polecat", "list"); !strings.Contains(out, cause) {
		t.Error(out)
	}
	p.Env = was
	p.patrolUntil("the bead is handed in", func() bool { return p.HandedIn(p.Status(), "web-a1") })
	p.over()
}

// An agent program that is not there gives the bead back, with the program's name, and
// leaves no session. When it is there a sling works.
func TestNoAgentProgram(t *testing.T) {
	t.Parallel()
	p := found(t)
	p.Write("calm", "")
	p.GT("config", "agent.command", filepath.Join(p.Dir, "agent")+" --fast")
	p.bead("web-a1", "usual")
	// On a busy machine the sling ends before the session does.
	if _, err := p.Try("gt", "sling", "web-a1", "web"); err != nil && (scratch.Exit(err) != 1 ||
		!strings.Contains(err.Error(), filepath.Join(p.Dir, "agent")+" was not found") || !strings.Contains(err.Error(), "gt config agent.command")) {
		t.Error(err)
	}
	p.patrolUntil("the bead is open again, and says why", func() bool {
		return p.State("web-a1") == "open" && strings.Contains(p.BD("show", "web-a1"), filepath.Join(p.Dir, "agent")+" was not found")
	})
	if out, err := p.Tmux("list-sessions"); err == nil {
		t.Errorf("sessions are left:\n%s", out)
	}
	p.script("agent", "exec sh "+filepath.Join(p.Dir, "robot.sh")+"\n")
	p.GT("sling", "web-a1", "web")
	p.patrolUntil("the bead is handed in", func() bool { return p.HandedIn(p.Status(), "web-a1") })
	p.over()
}

// A Deacon whose disk was full goes on by itself when there is room again, also when the
// engine keeps the failure.
func TestDeaconAfterAFullDisk(t *testing.T) {
	t.Parallel()
	dir := scratch.Dir(t)
	disk := filepath.Join(dir, "disk")
	scratch.Disk(t, disk, 96<<20)
	p := foundIn(t, dir, "disk/town")
	p.Write("calm", "")
	p.bead("web-a1", "usual")
	p.GT("deacon", "start")
	pid := p.Deacon()
	release := scratch.Fill(t, disk, 0)
	said, met := "", false
	for range 400 { // each leaves something in what the engine has yet to write
		if _, err := p.Try("gt", "sling", "web-a1", "web"); err != nil {
			said = err.Error()
			met = met || strings.Contains(said, "no space left on device")
			if met && strings.Contains(said, "journal.idx") {
				break
			}
		}
	}
	if !met {
		t.Errorf("no sling met a full disk: %s", said)
	}
	t.Log(said)
	release()
	p.Await("a sling works", func() bool {
		_, err := p.Try("gt", "sling", "web-a1", "web")
		return err == nil || scratch.Exit(err) == 5
	})
	p.Await("the bead is handed in", func() bool { return p.HandedIn(p.Status(), "web-a1") })
	if now := p.Deacon(); now != pid {
		t.Errorf("the Deacon was %d and is %d", pid, now)
	}
	p.OneEach()
	p.NukeAll()
	p.GT("deacon", "stop")
	p.over()
}
