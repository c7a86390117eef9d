package work

import (
	"os"
	"path/filepath"
	"testing"

	"gastown/e2e/internal/scratch"
)

func TestMain(m *testing.M) { os.Exit(scratch.Main(m, "tmux")) }

// place is a Town with the remote of its rig web, and scripted agents.
type place struct{ *scratch.Town }

// found makes a place.
func found(t *testing.T) *place { t.Helper(); return foundIn(t, scratch.Dir(t), "town") }

// foundIn makes a place in a directory.
func foundIn(t *testing.T, dir, name string) *place {
	t.Helper()
	p := &place{scratch.At(t, dir, name)}
	p.Write("robot.sh", scratch.Robot)
	p.Git("init", "-q", "-b", "main", "src")
	p.Git("-C", "src", "commit", "-q", "--allow-empty", "-m", "first")
	p.Git("clone", "-q", "--bare", "src", "web.git")
	p.Install("harbour")
	p.GT("config", "agent.command", "sh "+filepath.Join(p.Dir, "robot.sh"))
	p.GT("rig", "add", "web", p.remote())
	return p
}

func (p *place) remote() string { return filepath.Join(p.Dir, "web.git") }

// bead makes a bead whose worker does what a word of robot.sh says.
func (p *place) bead(id, deed string) {
	p.T.Helper()
	p.BD("create", "--id", id, "--description", "do "+deed, deed)
}
