package primer

import (
	"path/filepath"
	"strings"

	"gastown/cmd/internal/shell"
	"gastown/town"
	"gastown/town/layout"
)

// Caller is who runs a command in a Town.
func Caller(c *shell.Call, t layout.Town) (town.Caller, error) {
	return town.WhoCalls(c.Getenv, t.Rigs(), c.Dir)
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
