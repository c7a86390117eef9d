package work

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"gastown/e2e/internal/scratch"
)

// A program that outlives its tmux is ended before another session works in its
// sandbox: a bead never has two workers.
func TestSurvivorEnds(t *testing.T) {
	t.Parallel()
	p := found(t)
	p.bead("web-a1", "stubborn")
	p.GT("sling", "web-a1", "web")
	p.patrolUntil("the agent committed", func() bool { return len(p.Lines("commits")) == 1 })
	out, err := p.Tmux("list-panes", "-a", "-F", "#{pid} #{pane_pid}")
	var server, program int
	if _, scan := fmt.Sscan(out, &server, &program); err != nil || scan != nil {
		t.Fatal(out, err)
	}
	if err := syscall.Kill(server, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	runs := func() bool {
		return slices.ContainsFunc(p.Processes(), func(r scratch.Process) bool { return r.PID == program })
	}
	if !runs() {
		t.Fatal("the agent ended with its tmux, so nothing is tested")
	}
	p.patrolUntil("a second session works", func() bool {
		two := len(p.Lines("runs")) == 2
		if two && runs() {
			t.Fatal("the former agent still runs beside the new one")
		}
		return two
	})
	p.patrolUntil("the bead is handed in", func() bool { return p.HandedIn(p.Status(), "web-a1") })
}

// patrolUntil runs passes until something holds.
func (p *place) patrolUntil(what string, holds func() bool) {
	p.T.Helper()
	p.Await(what, func() bool {
		if holds() {
			return true
		}
		p.patrol()
		return holds()
	})
}

// patrol runs a pass. What it finds busy is left to the next one.
func (p *place) patrol() {
	p.T.Helper()
	if _, err := p.Try("gt", "polecat", "patrol"); err != nil && scratch.Exit(err) != scratch.ExitBusy {
		p.T.Fatal(err)
	}
}

//go:embed testdata/talker.sh
var talker string

// A session that is lost is followed by one that goes on with the conversation which the
// agent's program told of; a program that takes no id goes on with its last one.
func TestConversationGoesOn(t *testing.T) {
	t.Parallel()
	p := found(t)
	p.Write("talker.sh", talker)
	presets := fmt.Sprintf(`agents:
  - {name: named, command: [sh, %[1]q], resume: [--last], resume_id: [--conversation, "{id}"]}
  - {name: last, command: [sh, %[1]q], resume: [--last]}
`, filepath.Join(p.Dir, "talker.sh"))
	if err := os.WriteFile(filepath.Join(p.Root, "config", "agents.yaml"), []byte(presets), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, preset := range []string{"named", "last"} {
		p.bead("web-"+preset, "usual")
		p.GT("sling", "web-"+preset, "web", "--agent", preset)
	}
	p.patrolUntil("both work", func() bool { return len(p.Lines("talks")) == 2 && len(working(p.Status())) == 2 })
	names, err := p.Tmux("list-sessions", "-F", "#{session_name}")
	if err != nil || len(strings.Fields(names)) != 2 {
		t.Fatal(names, err)
	}
	for _, name := range strings.Fields(names) {
		if out, err := p.Tmux("kill-session", "-t", "="+name); err != nil {
			t.Fatal(out, err)
		}
	}
	p.patrolUntil("both are handed in", func() bool {
		g := p.Status()
		return p.HandedIn(g, "web-named") && p.HandedIn(g, "web-last")
	})
	starts := strings.Split(strings.ReplaceAll(strings.Join(p.Lines("starts"), "\n"), "\x01", " "), "\n")
	slices.Sort(starts)
	if want := []string{"web-last 1", "web-last 2 --last", "web-named 1", "web-named 2 --conversation talk-web-named-1"}; !slices.Equal(starts, want) {
		t.Errorf("it was started as %q, want %q", starts, want)
	}
}
