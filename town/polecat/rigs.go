package polecat

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/rig"
)

// InRigs are the sandboxes of the Town's rigs.
type InRigs struct{ Yard *rig.Yard }

var _ Sandboxes = InRigs{}

// Dir implements Sandboxes.
func (r InRigs) Dir(agent town.Address) (string, error) {
	of, err := r.Yard.Open(agent.Rig)
	if err != nil {
		return "", err
	}
	return of.SandboxDir(rig.Polecats, agent.Name)
}

// Prepare implements Sandboxes.
func (r InRigs) Prepare(ctx context.Context, agent town.Address, branch string, usePool bool) error {
	of, err := r.Yard.Open(agent.Rig)
	if err != nil {
		return err
	}
	_, err = of.Prepare(ctx, rig.Want{Name: agent.Name, Branch: branch, UsePool: usePool})
	return err
}

// Usable implements Sandboxes.
func (r InRigs) Usable(agent town.Address) (bool, error) {
	of, err := r.Yard.Open(agent.Rig)
	if err != nil {
		return false, err
	}
	err = of.Usable(rig.Polecats, agent.Name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, gitcmd.ErrNotOurs) {
		return false, nil
	}
	return err == nil, err
}

// Save implements Sandboxes.
func (r InRigs) Save(ctx context.Context, agent town.Address, why string) (ref, what string, err error) {
	of, err := r.Yard.Open(agent.Rig)
	if err != nil {
		return "", "", err
	}
	return SaveIn(ctx, of, agent, why)
}

// SaveIn is Save of Sandboxes in a rig that is open.
func SaveIn(ctx context.Context, of *rig.Rig, agent town.Address, why string) (ref, what string, err error) {
	kept, err := of.Abandon(ctx, agent.Name)
	if err != nil || len(kept) > 0 {
		return strings.Join(kept, ", "), "its sandbox was gone, or no working tree any more", err
	}
	saved, err := of.Rescue(ctx, rig.Sandbox{Rig: agent.Rig, Kind: rig.Polecats, Name: agent.Name}, why)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", nil // it was never prepared
	}
	return saved.Ref, saved.What.String(), err
}

// Remove implements Sandboxes.
func (r InRigs) Remove(ctx context.Context, agent town.Address) (saved string, err error) {
	of, err := r.Yard.Open(agent.Rig)
	if err != nil {
		return "", err
	}
	kept, err := of.Abandon(ctx, agent.Name)
	if err != nil || len(kept) > 0 {
		return strings.Join(kept, ", "), err
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
