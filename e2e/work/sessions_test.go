package work

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A program that outlives its tmux is ended before another session works in its
// sandbox: a bead never has two workers.
func TestSurvivorEnds(t *testing.T) {
	t.Parallel()
	p := found(t)
	p.bead("web-a1", "stubborn")
	p.gt("sling", "web-a1", "web")
	p.patrolUntil("the agent committed", func() bool { return len(p.lines("commits")) == 1 })
	out, err := p.tmux("list-panes", "-a", "-F", "#{pid} #{pane_pid}")
	pids := strings.Fields(out)
	if err != nil || len(pids) != 2 {
		t.Fatal(out, err)
	}
	if err := exec.Command("kill", "-9", pids[0]).Run(); err != nil {
		t.Fatal(err)
	}
	runs := func(pid string) bool {
		return slices.ContainsFunc(p.processes(), func(r running) bool { return r.pid == pid })
	}
	if !runs(pids[1]) {
		t.Fatal("the agent ended with its tmux, so nothing is tested")
	}
	p.patrolUntil("a second session works", func() bool {
		two := len(p.lines("runs")) == 2
		if two && runs(pids[1]) {
			t.Fatal("the former agent still runs beside the new one")
		}
		return two
	})
	p.patrolUntil("the bead is handed in", func() bool { return p.handedIn(p.status(), "web-a1") })
}

// patrolUntil runs passes until something holds.
func (p *place) patrolUntil(what string, holds func() bool) {
	p.t.Helper()
	p.await(what, func() bool {
		if holds() {
			return true
		}
		p.gt("polecat", "patrol")
		return holds()
	})
}
