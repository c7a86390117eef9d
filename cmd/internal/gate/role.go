package gate

import (
	"slices"

	"gastown/cmd/internal/shell"
	"gastown/town"
	"gastown/town/access"
	"gastown/town/instance"
	"gastown/town/layout"
)

// byStandbys are the permissions that a directory which stands by grants to commands that
// write. It changes nothing of the Town's, because what it holds is replaced by the active
// one's, but its owner may still administer it.
var byStandbys = []string{access.AdminTown, access.PromoteTown, access.AdminDeacon, access.ReadProgram}

// notFenced are the permissions that a fenced directory refuses: their commands do what its
// controllers did. What agents and people write there is kept, and handed over.
var notFenced = []string{
	access.SlingPolecat, access.WriteConvoy, access.WriteRefinery, access.AdminRefinery, access.RunWitness, access.AdminMayor, access.AdminRig,
}

// mayHere refuses commands that would change something in a directory that is not the
// Town's active one. Where the note cannot be read, the directory counts as fenced.
func mayHere(t layout.Town, p *shell.Prepared) error {
	if !p.Command.Writes || p.Name == "gt federation pull" {
		return nil
	}
	note, err := instance.Read(t.Instance())
	role := note.Role()
	switch {
	case err != nil && slices.Contains(notFenced, p.Command.Permission):
		return err
	case err != nil:
		return nil
	case role == instance.OnStandby && !slices.Contains(byStandbys, p.Command.Permission):
		return town.Fail(p.Name, "run it in the Town's active directory; gt town promote makes this the active one",
			"%w: this directory stands by for another one", town.ErrRefused)
	case role == instance.Fenced && slices.Contains(notFenced, p.Command.Permission):
		return town.Fail(p.Name, "gt town status shows which directory goes on, and how to hand over what is here",
			"%w: %s", town.ErrRefused, note.Fence())
	}
	return nil
}
