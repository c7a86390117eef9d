package rig

import (
	"context"
	"errors"
	"fmt"

	"gastown/sync/gitcmd"
	"gastown/town"
)

// Push pushes what a sandbox has checked out to a branch of the remote and sees it
// there. expected is the value the branch must have at the remote, "" for none: so a
// former worker never overwrites what a later one pushed. It returns the commit. In a
// rig without a remote the branch of the bare clone is set.
func (r *Rig) Push(ctx context.Context, s Sandbox, branch, expected string) (head string, err error) {
	op := "push " + s.Address() + " to " + branch
	if err := gitcmd.CheckBranch(branch); err != nil {
		return "", err
	}
	w, err := r.tree(s.Kind, s.Name)
	if err != nil {
		return "", err
	}
	if head, _, err = w.Head(ctx); err != nil {
		return "", err
	}
	if head == "" {
		return "", town.Fail(op, "commit something first", "%w: nothing is committed", town.ErrRefused)
	}
	ref := "refs/heads/" + branch
	repo := w.Shared()
	if !r.HasRemote() {
		if repo.Dir() != r.repo.Dir() {
			if err := r.repo.Take(ctx, repo.Dir(), []string{head}); err != nil {
				return "", err
			}
		}
		have, err := r.repo.Resolve(ctx, ref)
		if err != nil || have == head {
			return head, err
		}
		return head, r.repo.SetRef(ctx, ref, head, expected)
	}
	err = r.pushSeen(ctx, repo, ref, expected, head)
	if errors.Is(err, gitcmd.ErrRejected) {
		return "", town.Fail(op, "run it again: it first looks at what the remote has", "%w", err)
	}
	if err != nil {
		return "", err
	}
	err = repo.ForceRef(ctx, originRefs+branch, head)
	if err != nil && repo.Dir() == r.repo.Dir() {
		// A ref that the remote does not have any more may be in the way: a fetch removes it.
		err = r.Fetch(ctx)
	}
	return head, err
}

// Pushed is what a branch of the remote has, asked now; "" when it is not there.
// equal reports that it is what the sandbox has checked out.
func (r *Rig) Pushed(ctx context.Context, s Sandbox, branch string) (at string, equal bool, err error) {
	w, err := r.tree(s.Kind, s.Name)
	if err != nil {
		return "", false, err
	}
	head, _, err := w.Head(ctx)
	if err != nil {
		return "", false, err
	}
	at, err = r.At(ctx, branch)
	return at, at != "" && at == head, err
}

// At is what a branch of the remote has, asked now; "" when it is not there.
func (r *Rig) At(ctx context.Context, branch string) (string, error) {
	if err := gitcmd.CheckBranch(branch); err != nil {
		return "", err
	}
	ref := "refs/heads/" + branch
	if !r.HasRemote() {
		return r.repo.Resolve(ctx, ref)
	}
	listing, err := r.repo.ListRemote(ctx, r.URL, ref)
	if err != nil {
		return "", fmt.Errorf("look at %s: %w", branch, err)
	}
	return listing.IDs[ref], nil
}

// Left is the commit at which a commit left the rig's target branch as it is at the
// remote now: "" when they share nothing. It is the commit itself when the branch has it,
// so there is nothing to merge.
func (r *Rig) Left(ctx context.Context, commit string) (string, error) {
	t, err := r.Latest(ctx)
	if err != nil {
		return "", err
	}
	return r.repo.Fork(ctx, commit, t.Tip)
}
