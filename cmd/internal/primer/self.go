package primer

import (
	"path/filepath"
	"strings"

	"gastown/cmd/internal/shell"
	"gastown/town"
	"gastown/town/layout"
	"gastown/town/mail"
)

// Self is the agent that runs a command, as the environment of its session says or else
// the sandbox that it is in, and the number of its run; 0 when that is not known. ok is
// false for a person.
func Self(c *shell.Call, t layout.Town) (a town.Address, run town.Run, ok bool) {
	caller := mail.CallerOf(c.Getenv("GT_ROLE"), c.Getenv("BD_ACTOR"), c.Getenv("GT_RUN"), "")
	if caller.Agent != (town.Address{}) {
		return caller.Agent, caller.Run, true
	}
	a, ok = In(t, c.Dir)
	return a, 0, ok
}

// In is the agent whose sandbox a directory lies in.
func In(t layout.Town, dir string) (town.Address, bool) {
	rel, err := filepath.Rel(t.Rigs(), dir)
	if err != nil {
		return town.Address{}, false
	}
	if parts := strings.Split(filepath.ToSlash(rel), "/"); len(parts) >= 3 {
		a, err := town.ParseAddress(strings.Join(parts[:3], "/"))
		return a, err == nil
	}
	return town.Address{}, false
}

// Sandbox is where an agent works; "" for one without a sandbox.
func Sandbox(t layout.Town, a town.Address) string {
	if a.Kind != town.Polecat && a.Kind != town.Crew {
		return ""
	}
	return filepath.Join(t.Rigs(), filepath.FromSlash(a.String()))
}

// BeadOf is the bead that a branch of a polecat is for; "" for any other branch.
func BeadOf(a town.Address, branch string) string {
	bead, found := strings.CutPrefix(branch, a.Branch(""))
	if !found || a.Kind != town.Polecat {
		return ""
	}
	return bead
}
