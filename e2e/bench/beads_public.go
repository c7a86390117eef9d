package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// maxPublic is the largest number of beads the public bd is measured with. The time
// of its import grows with the square of the number and is minutes at this one.
const maxPublic = judged

// publicEnv names the public bd to compare with.
const publicEnv = "GT_PEER_BD"

// public is the public bd with its own repository.
type public struct {
	program
	root  string
	clerk *clerk
}

// newPublic prepares a repository for the public bd, and a clerk for its copy of
// the beads. It does not change the program.
func newPublic(ctx context.Context, o options, dir string, c clerk) (*public, error) {
	p := &public{root: filepath.Join(dir, "public"), clerk: &c}
	c.operations, c.dir, c.done = true, dir, map[string]int{}
	home := filepath.Join(dir, "home")
	for _, d := range []string{p.root, home} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, err
		}
	}
	path, err := filepath.Abs(o.public)
	if err != nil {
		return nil, err
	}
	p.program = program{path: path, timed: o.timed, env: []string{
		"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "HOME=" + home, "LC_ALL=C", "CI=1",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "BD_NON_INTERACTIVE=1",
		"GIT_AUTHOR_NAME=bench", "GIT_AUTHOR_EMAIL=bench@example.com",
	}}
	git := exec.CommandContext(ctx, "git", "init", "--quiet", p.root)
	if out, err := git.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("git init: %w: %s", err, out)
	}
	_, err = p.run(ctx, p.root, "init", "--prefix", "gt", "--quiet", "--non-interactive", "--skip-hooks", "--skip-agents")
	return p, err
}

// fill imports an export into the empty ledger.
func (p *public) fill(ctx context.Context, export string) (sample, error) {
	return p.run(ctx, p.root, "import", export)
}

// collect has the public bd collect garbage without deleting beads.
func (p *public) collect(ctx context.Context) error {
	_, err := p.run(ctx, p.root, "gc", "--skip-decay", "--force")
	return err
}

func (p *public) megabytes() (float64, error) {
	bytes, err := size(filepath.Join(p.root, ".beads"))
	return float64(bytes) / 1e6, err
}
