package polecat

import (
	"context"
	"errors"
	"io/fs"

	"gastown/town"
	"gastown/town/rig"
)

// InRigs are the sandboxes of the Town's rigs.
type InRigs struct{ Yard *rig.Yard }

var _ Sandboxes = InRigs{}

// Prepare implements Sandboxes.
func (r InRigs) Prepare(ctx context.Context, agent town.Address, branch string, usePool bool) (string, error) {
	of, err := r.Yard.Open(agent.Rig)
	if err != nil {
		return "", err
	}
	s, err := of.Prepare(ctx, rig.Want{Name: agent.Name, Branch: branch, UsePool: usePool})
	return s.Dir, err
}

// Remove implements Sandboxes.
func (r InRigs) Remove(ctx context.Context, agent town.Address) (saved string, err error) {
	of, err := r.Yard.Open(agent.Rig)
	if err != nil {
		return "", err
	}
	s := rig.Sandbox{Rig: agent.Rig, Kind: rig.Polecats, Name: agent.Name}
	unsaved, err := of.Unsaved(ctx, s)
	if err == nil && !unsaved.Empty() {
		var what rig.Saved
		if what, err = of.Rescue(ctx, s, "the polecat is removed"); err == nil {
			saved = what.Ref
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return saved, err
	}
	return saved, of.Remove(ctx, s)
}
