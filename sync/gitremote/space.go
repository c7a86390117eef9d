package gitremote

import "gastown/town"

// Space is where a remote's refs are in its Git repository: the prefix that they
// have in common. Its text is what a Town's configuration says.
type Space string

const (
	// SpaceDolt is refs/dolt/, where stock dolt looks by default.
	SpaceDolt Space = ""
	// SpaceBranches is refs/heads/dolt/, for hosts that accept branches only and
	// for mirrors that copy nothing else.
	SpaceBranches Space = "branches"
)

// Spaces are all spaces, the usual one first.
var Spaces = []Space{SpaceDolt, SpaceBranches}

// Prefix is how the refs of the space begin; it ends in "/".
func (s Space) Prefix() string {
	if s == SpaceBranches {
		return "refs/heads/dolt/"
	}
	return "refs/dolt/"
}

// Data is the ref of the federation plane.
func (s Space) Data() string { return s.Prefix() + "data" }

// Ledger is the ref of the shared records of ledgers.
func (s Space) Ledger() string { return s.Prefix() + "ledger" }

// Turns is how the refs begin on which Towns leave edits for whoever publishes
// next; it ends in "/".
func (s Space) Turns() string { return s.Prefix() + "turns/" }

// Turn is the ref on which one Town leaves its edits.
func (s Space) Turn(id town.ID) string { return s.Turns() + string(id) }
