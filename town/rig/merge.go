package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gastown/sync/gitcmd"
	"gastown/town"
)

// ErrMoved reports a target branch that is not where it was expected: somebody pushed.
var ErrMoved = fmt.Errorf("%w: somebody else pushed to the target", town.ErrBusy)

// ErrNoTarget reports a target branch that is not there: it was renamed or deleted.
var ErrNoTarget = fmt.Errorf("%w: there is no such branch", gitcmd.ErrNoRef)

// Message is what a merge commit says.
type Message struct {
	Bead, Agent, Branch, Target, Town string
	// Number is the merge request's.
	Number int64
	// At is the commit's time: that of the request, so that the same merge is the same
	// commit whenever it is made.
	At time.Time
}

// text is the message with its trailers.
func (m Message) text() string {
	return fmt.Sprintf("Merge %s: %s into %s\n\nBead: %s\nPolecat: %s\nTown: %s\nMerge-Request: %d\nSigned-off-by: %s <gt@localhost>\n",
		m.Bead, m.Branch, m.Target, m.Bead, m.Agent, oneLine(m.Town), m.Number, oneLine(m.author()))
}

func (m Message) author() string {
	if m.Town == "" {
		return "gt"
	}
	return m.Town
}

func oneLine(s string) string { return strings.Join(strings.Fields(town.Visible(s)), " ") }

// Merged is a merge that was made. Commit and Tree are empty when Files do not merge.
type Merged struct {
	Commit, Tree string
	Files        []string
}

// Target is where the target branch is.
type Target struct {
	// Tip is its newest commit, Tree that commit's tree.
	Tip, Tree string
	// Missing are the wanted commits that neither the clone nor the remote has.
	Missing []string
}

// Latest asks the remote where the target branch is, and brings its commit and those
// that are wanted into the clone. What the clone's refs say about the target counts for
// nothing: agents can move them. A rig without a remote has nothing but the clone.
func (r *Rig) Latest(ctx context.Context, wanted ...string) (t Target, err error) {
	if t.Tip, err = r.At(ctx, r.Branch); err != nil {
		return t, err
	}
	if t.Tip == "" {
		return t, town.Fail("look at the rig "+r.Name, "push it, or name another one in "+r.yard.File, "%w: %s", ErrNoTarget, r.Branch)
	}
	t.Missing, err = r.missing(ctx, append([]string{t.Tip}, wanted...))
	if err == nil && len(t.Missing) > 0 && r.HasRemote() {
		if err = r.Fetch(ctx); err == nil {
			t.Missing, err = r.missing(ctx, t.Missing)
		}
	}
	if err != nil {
		return t, err
	}
	if slices.Contains(t.Missing, t.Tip) {
		return t, fmt.Errorf("fetch %.12s of %s: %w", t.Tip, r.Branch, ErrMoved)
	}
	t.Tree, err = r.repo.TreeOf(ctx, t.Tip)
	return t, err
}

// missing are the ids that are not of commits in the clone.
func (r *Rig) missing(ctx context.Context, ids []string) (not []string, err error) {
	types, err := r.repo.Types(ctx, ids)
	for _, id := range ids {
		if types[id] != gitcmd.TypeCommit {
			not = append(not, id)
		}
	}
	return not, err
}

// Applied finds the commit of the target branch that brought the same change as a head,
// with other commits: squashed, rebased or picked. It looks at those since a commit that
// is on the branch; "" for since the head left it. It returns "" for none.
func (r *Rig) Applied(ctx context.Context, tip, head, since string) (string, error) {
	base, err := r.repo.Fork(ctx, head, tip)
	if err != nil || base == "" || base == head {
		return "", err
	}
	if not, err := r.missing(ctx, []string{since}); err != nil || len(not) > 0 {
		since = "" // it is not known any more
	}
	return r.repo.Applied(ctx, base, head, since, tip)
}

// Merge merges a head onto a commit, in the clone and without a working tree. Nothing
// names the merge commit afterwards: whoever wants it, lands it. The same call gives the
// same commit.
func (r *Rig) Merge(ctx context.Context, onto, head string, message Message) (Merged, error) {
	tree, files, err := r.repo.MergeTrees(ctx, onto, head)
	if err != nil || len(files) > 0 {
		return Merged{Files: files}, err
	}
	commit, err := r.repo.WriteCommit(ctx, gitcmd.NewCommit{Tree: tree, Parents: []string{onto, head}, Name: message.author(), When: message.At, Message: message.text()})
	return Merged{Commit: commit, Tree: tree}, err
}

// Landed finds which of the heads the target branch has, and for each the commit that
// brought it there: the merge of it, or the tip when another way brought it.
func (r *Rig) Landed(ctx context.Context, tip string, heads []string) (map[string]string, error) {
	landed := map[string]string{}
	missing := map[string]bool{}
	types, err := r.repo.Types(ctx, heads)
	if err != nil {
		return nil, err
	}
	var known []string
	for _, h := range heads {
		if types[h] == gitcmd.TypeCommit {
			known = append(known, h)
		}
	}
	if len(known) == 0 {
		return landed, nil
	}
	lost, err := r.repo.Unreached(ctx, known, []string{tip}, 0)
	if err != nil {
		return nil, err
	}
	for _, c := range lost {
		missing[c.ID] = true
	}
	var there []string
	for _, h := range known {
		if !missing[h] {
			landed[h] = tip
			there = append(there, h)
		}
	}
	if len(there) == 0 {
		return landed, nil
	}
	merges, err := r.repo.Unreached(ctx, []string{tip}, there, maxMerges)
	for _, c := range merges {
		if len(c.Parents) > 1 {
			for _, p := range c.Parents[1:] {
				if _, ok := landed[p]; ok {
					landed[p] = c.ID
				}
			}
		}
	}
	return landed, err
}

// maxMerges bounds how many commits are looked at for those that brought a change.
const maxMerges = 10_000

// Land moves the target branch from a commit to another, which contains it, and sees it
// there. It fails, and changes nothing, with ErrMoved when the branch is elsewhere, and
// with town.ErrRefused when the host refuses the push, whatever the reason.
func (r *Rig) Land(ctx context.Context, from, to string) error {
	op := "push to " + r.Branch + " of the rig " + r.Name
	if ok, err := r.repo.Contains(ctx, to, from); err != nil || !ok {
		return errors.Join(err, fmt.Errorf("%s: %.12s does not contain %.12s", op, to, from))
	}
	ref := "refs/heads/" + r.Branch
	if !r.HasRemote() {
		err := r.repo.SetRef(ctx, ref, to, from)
		if now, e := r.repo.Resolve(ctx, ref); err != nil && e == nil && now != from {
			return fmt.Errorf("%s: %w", op, ErrMoved)
		}
		return err
	}
	_, err := r.repo.Push(ctx, r.URL, gitcmd.Update{Ref: ref, Old: from, New: to})
	switch {
	case errors.Is(err, gitcmd.ErrRejected), errors.Is(err, gitcmd.ErrOutcomeUnknown):
		return fmt.Errorf("%s: %w: %w", op, ErrMoved, err)
	case errors.Is(err, gitcmd.ErrReadOnly), errors.Is(err, gitcmd.ErrTooLarge):
		return town.Fail(op, "let this account push to "+r.Branch+", or let the host merge: set merge: pr for the rig in "+r.yard.File, "%w: %w", town.ErrRefused, err)
	case err != nil:
		return err
	}
	return r.repo.ForceRef(ctx, originRefs+r.Branch, to) // for new sandboxes
}

// maxSides is how many commits of the other side are named.
const maxSides = 10

// Sides names the commits of the target that changed files since a head left it, newest
// first: their abbreviated ids and subjects, which are hostile text.
func (r *Rig) Sides(ctx context.Context, tip, head string, files []string) ([]string, error) {
	return r.repo.Changing(ctx, tip, head, files, maxSides)
}

// Tidy removes a branch of the remote that is still at its head.
func (r *Rig) Tidy(ctx context.Context, branch, head string) error {
	if err := gitcmd.CheckBranch(branch); err != nil || branch == r.Branch || !r.HasRemote() {
		return err
	}
	_, err := r.repo.Push(ctx, r.URL, gitcmd.Update{Ref: "refs/heads/" + branch, Old: head})
	return err
}

// CheckTree is a working tree of the refinery with a commit checked out and nothing else
// in it, not even what git ignores: so what one run leaves does not help the next one.
// slot tells apart trees that are used at one time.
func (r *Rig) CheckTree(ctx context.Context, commit string, slot int) (dir string, err error) {
	top := r.path("refinery", fmt.Sprintf("tree-%d", slot))
	lock, err := r.lock(ctx, fmt.Sprintf("refinery-%d", slot))
	if err != nil {
		return "", err
	}
	defer lock.Release() //nolint:errcheck // it ends with the process
	w, err := r.checkTree(ctx, top, commit)
	if err != nil {
		return "", err
	}
	if err := w.Plain(ctx); err != nil {
		return "", err
	}
	if err := w.Reset(ctx, "", commit); err != nil {
		return "", err
	}
	return top, w.CleanAll(ctx)
}

// checkTree opens or makes a working tree of the refinery. One that is damaged is made
// anew: nobody works in it.
func (r *Rig) checkTree(ctx context.Context, top, commit string) (gitcmd.Worktree, error) {
	if err := r.inside(top); err == nil {
		if w, err := r.repo.Linked(top); err == nil {
			return w, nil
		}
	}
	if err := os.MkdirAll(filepath.Dir(top), 0o700); err != nil {
		return gitcmd.Worktree{}, err
	}
	if err := r.inside(filepath.Dir(top)); err != nil {
		return gitcmd.Worktree{}, err
	}
	admins, err := r.linked()
	if err != nil {
		return gitcmd.Worktree{}, err
	}
	err = os.RemoveAll(top)
	for _, a := range admins {
		if a.top == top {
			err = errors.Join(err, os.RemoveAll(a.dir))
		}
	}
	if err != nil {
		return gitcmd.Worktree{}, err
	}
	return r.repo.AddWorktree(ctx, top, "", commit)
}
