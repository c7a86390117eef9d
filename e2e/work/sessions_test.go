package work

import (
	"fmt"
	"slices"
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
		p.GT("polecat", "patrol")
		return holds()
	})
}
