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
// former worker never overwrites what a later one pushed. Commits that the branch has and
// what is pushed does not lead to are a former worker's: they get a rescue ref first. It
// returns the commit. In a rig without a remote the branch of the bare clone is set.
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
		if err := r.keep(ctx, s, branch, expected, head); err != nil {
			return "", err
		}
		return head, r.repo.SetRef(ctx, ref, head, expected)
	}
	if err := r.keep(ctx, s, branch, expected, head); err != nil {
		return "", err
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

// maxKept is how many commits a notice of keep names at most.
const maxKept = 100

// keep saves what a branch had that a push takes from it. The sandbox in which it was
// made may be gone, because the branch had it.
func (r *Rig) keep(ctx context.Context, s Sandbox, branch, was, head string) error {
	if was == "" || was == head {
		return nil
	}
	op := "save what " + branch + " had"
	w, err := r.tree(s.Kind, s.Name)
	if err != nil {
		return err
	}
	repo := w.Shared()
	if !r.HasRemote() {
		repo = r.repo
	}
	known, err := repo.Resolve(ctx, was)
	if err == nil && known == "" && r.HasRemote() { // another machine pushed it
		err = repo.FetchAll(ctx, r.URL, "refs/heads/"+branch+":"+originRefs+branch)
	}
	if err != nil {
		return town.Fail(op, "run it again", "%w", err)
	}
	lost, err := repo.Unreached(ctx, []string{was}, []string{head}, maxKept)
	if err != nil || len(lost) == 0 {
		return err
	}
	_, err = r.save(ctx, repo, s.Kind, s.Name, "another commit takes its place on "+branch, []string{was}, Unsaved{Commits: lost}, "The first parent has the files.\n")
	if err != nil {
		return town.Fail(op, "run it again", "%w", err)
	}
	return nil
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
