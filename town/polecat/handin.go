package polecat

import (
	"context"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/rig"
)

// Clean refuses to hand in while the sandbox has something that would be left out. With
// noChange it may have no commit either.
func Clean(held operational.Assignment, u rig.Unsaved, noChange bool) error {
	files := u
	files.Commits, files.Stashes = nil, nil
	switch {
	case !files.Empty():
		return town.Fail("hand in "+held.Bead, "commit what belongs to it, and remove or ignore the rest: git status", "%w: the sandbox has %s", town.ErrRefused, files)
	case noChange && len(u.Commits) > 0:
		return town.Fail("hand in "+held.Bead+" without a change", "gt done hands them in", "%w: the sandbox has %s", town.ErrRefused, u)
	}
	return nil
}

// Publish pushes the branch of an assignment and sees it at the remote. It returns the
// merge request, without its priority, which the caller records under the ticket: a
// former run that comes late has pushed to a branch of its own and changes nothing else.
func Publish(ctx context.Context, r *rig.Rig, box rig.Sandbox, held operational.Assignment) (m operational.MergeRequest, err error) {
	branch := held.Agent.Branch(held.Bead)
	op := "hand in " + held.Bead
	switch {
	case box.Branch == "":
		return m, town.Fail(op, "finish what git status says is under way; otherwise: git switch "+branch+" && git merge "+short(box.Head),
			"%w: no branch is checked out in the sandbox; the work belongs on %s", town.ErrRefused, branch)
	case box.Branch != branch:
		return m, town.Fail(op, "git switch "+branch+" && git merge "+short(box.Head), "%w: the sandbox has the branch %q checked out, not %s", town.ErrRefused, town.Clip(box.Branch, 80), branch)
	}
	base := ""
	if box.Head != "" {
		if base, err = r.Left(ctx, box.Head); err != nil {
			return m, err
		}
	}
	if box.Head == base {
		return m, town.Fail(op, "commit your work, or say why there is none: gt done --no-change --reason TEXT", "%w: there is no commit on %s that %s does not have", town.ErrRefused, branch, r.Branch)
	}
	before, err := r.At(ctx, branch)
	if err != nil {
		return m, err
	}
	head, err := r.Push(ctx, box, branch, before)
	if err != nil {
		return m, err
	}
	at, same, err := r.Pushed(ctx, box, branch)
	if err == nil && !same {
		err = town.Fail(op, "run gt done again", "%w: the remote has %.12s on %s, the sandbox has %.12s", town.ErrBusy, at, branch, head)
	}
	return operational.MergeRequest{Branch: branch, Head: head, Base: base, Target: r.Branch}, err
}

// short abbreviates a commit for people.
func short(id string) string { return id[:min(len(id), 12)] }
