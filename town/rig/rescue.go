package rig

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gastown/sync/gitcmd"
	"gastown/town"
)

// Saved is work that was rescued.
type Saved struct {
	// Ref holds it, at the remote and in the clone; "" when there was nothing to save.
	Ref string `json:"ref"`
	// Commit is what the ref names; "" when Already.
	Commit string `json:"commit,omitempty"`
	// What was saved.
	What Unsaved `json:"what"`
	// Already: the ref held everything before.
	Already bool `json:"already,omitempty"`
}

// Rescue saves everything in a sandbox that the remote does not have. It commits it to
// refs/gt/rescue/KIND/NAME/TIME-ID (to a branch gt-rescue/... where the host takes no
// other refs), pushes that and sees it at the remote. why stands in the commit. It
// changes nothing in the sandbox. With nothing unsaved it does nothing, and what an
// earlier rescue holds is not saved twice.
func (r *Rig) Rescue(ctx context.Context, s Sandbox, why string) (Saved, error) {
	lock, err := r.lock(ctx, string(s.Kind)+"-"+s.Name)
	if err != nil {
		return Saved{}, err
	}
	defer lock.Release() //nolint:errcheck // it ends with the process
	w, err := r.tree(s.Kind, s.Name)
	if err != nil {
		return Saved{}, err
	}
	return r.rescue(ctx, w, s.Kind, s.Name, r.scope(s.Kind, s.Name), why)
}

// rescue is Rescue under the sandbox's lock.
func (r *Rig) rescue(ctx context.Context, w gitcmd.Worktree, kind Kind, name string, in scope, why string) (Saved, error) {
	op := "save the work in " + w.Top
	f, err := r.look(ctx, w, in)
	if err != nil || f.unsaved.Empty() {
		return Saved{}, err
	}
	parts, refs, err := f.rescued(ctx)
	if err != nil {
		return Saved{}, town.Fail(op, r.stays(), "%w", err)
	}
	if len(refs) > 0 {
		switch err := r.seen(ctx, w.Shared(), refs...); {
		case err == nil:
			return Saved{Ref: refs[0], What: f.unsaved, Already: true}, nil
		case !errors.Is(err, errNotThere):
			return Saved{}, town.Fail(op, r.stays(), "%w", err)
		}
	}
	saved, err := r.save(ctx, w.Shared(), kind, name, why, append(parts, f.heads(parts)...), f.unsaved,
		"The first parent has the files; its first parent is what was checked out.\n")
	if err != nil {
		return Saved{}, town.Fail(op, r.stays(), "%w", err)
	}
	return saved, nil
}

// save makes one commit of what a sandbox had: parents lead to all of it, and the first
// of them has the files. The commit goes to a rescue ref, and the feed is told. about
// ends its message.
func (r *Rig) save(ctx context.Context, repo *gitcmd.Shared, kind Kind, name, why string, parents []string, what Unsaved, about string) (Saved, error) {
	now := r.yard.now()
	why = gitcmd.Plain(why)
	top := gitcmd.NewCommit{Parents: parents, Name: r.yard.Town, When: now,
		Message: fmt.Sprintf("Rescue of %s/%s/%s: %s\n\nSaved: %s.\n%s", r.Name, kind, name, why, what, about)}
	var err error
	if top.Tree, err = repo.TreeOf(ctx, parents[0]); err != nil {
		return Saved{}, err
	}
	commit, err := repo.WriteCommit(ctx, top)
	if err != nil {
		return Saved{}, err
	}
	ref, err := r.publish(ctx, repo, fmt.Sprintf("%s/%s/%s-%s", kind, name, now.Format(stampLayout), commit[:8]), commit)
	if err != nil {
		return Saved{}, err
	}
	r.tell(ctx, NoticeRescued, kind, name, fmt.Sprintf("%s: saved %s at %s", why, what, ref), map[string]string{"ref": ref, "commit": commit, "why": why})
	return Saved{Ref: ref, Commit: commit, What: what}, nil
}

// stampLayout is the time in the name of what is saved, in UTC. It has milliseconds: a git
// that was killed leaves the lock of the ref it wrote, and the name of the next moment is free.
const stampLayout = "20060102T150405.000Z"

// stays is the step after a rescue that failed.
func (r *Rig) stays() string {
	return "nothing was changed and the sandbox stays; make `git push` to " + gitcmd.Redact(r.URL) + " work, then run it again"
}

// publish puts a commit on a rescue ref at the remote, sees it there, and then notes
// the ref in the repository.
func (r *Rig) publish(ctx context.Context, repo *gitcmd.Shared, path, commit string) (string, error) {
	ref := rescueRefs + path
	if !r.HasRemote() {
		if repo.Dir() != r.repo.Dir() {
			if err := r.repo.Take(ctx, repo.Dir(), []string{commit}); err != nil {
				return "", err
			}
		}
		return ref, errors.Join(setOnce(ctx, r.repo, ref, commit), r.note(ctx, repo, ref, commit))
	}
	at := ref
	err := r.pushSeen(ctx, repo, at, "", commit)
	if errors.Is(err, gitcmd.ErrForbidden) || errors.Is(err, gitcmd.ErrInTheWay) {
		at = branchFor(ref)
		err = r.pushSeen(ctx, repo, at, "", commit)
	}
	if err != nil {
		return "", err
	}
	return at, r.note(ctx, repo, ref, commit)
}

// note records in a repository that a rescue ref was seen at the remote.
func (r *Rig) note(ctx context.Context, repo *gitcmd.Shared, ref, commit string) error {
	if !r.HasRemote() && repo.Dir() == r.repo.Dir() {
		return nil // it is that ref
	}
	return setOnce(ctx, repo, ref, commit)
}

// setOnce makes a ref, unless it is there with that value: the same state was saved in
// the same millisecond.
func setOnce(ctx context.Context, repo *gitcmd.Shared, ref, commit string) error {
	if have, err := repo.Resolve(ctx, ref); err != nil || have == commit {
		return err
	}
	return repo.SetRef(ctx, ref, commit, "")
}

// pushSeen moves a ref of the remote and looks that it is there.
func (r *Rig) pushSeen(ctx context.Context, repo *gitcmd.Shared, ref, old, commit string) error {
	_, pushed := repo.Push(ctx, r.URL, gitcmd.Update{Ref: ref, Old: old, New: commit})
	if pushed != nil && !errors.Is(pushed, gitcmd.ErrOutcomeUnknown) && !errors.Is(pushed, gitcmd.ErrRejected) {
		return pushed
	}
	listing, err := repo.ListRemote(ctx, r.URL, ref)
	switch {
	case err != nil:
		return errors.Join(pushed, err)
	case listing.IDs[ref] == commit:
		return nil
	case pushed != nil:
		return pushed
	}
	return fmt.Errorf("%w: the remote said that it took %s, and does not have it", errNotThere, ref)
}

var errNotThere = errors.New("not at the remote")

// seen looks that rescue refs, which the repository remembers, are still at the remote.
func (r *Rig) seen(ctx context.Context, repo *gitcmd.Shared, refs ...string) error {
	var asked []string
	for _, ref := range refs {
		asked = append(asked, ref, branchFor(ref))
	}
	listing := gitcmd.Listing{}
	if r.HasRemote() {
		var err error
		if listing, err = repo.ListRemote(ctx, r.URL, asked...); err != nil {
			return err
		}
	}
	for _, ref := range refs {
		want, err := repo.Resolve(ctx, ref)
		if err != nil {
			return err
		}
		have := []string{listing.IDs[ref], listing.IDs[branchFor(ref)]}
		if !r.HasRemote() {
			if have[0], err = r.repo.Resolve(ctx, ref); err != nil {
				return err
			}
		}
		if want == "" || !slices.Contains(have, want) {
			return fmt.Errorf("%w: %s", errNotThere, ref)
		}
	}
	return nil
}

// branchFor is the branch that stands for a rescue ref where the host takes no others.
func branchFor(ref string) string {
	return "refs/heads/gt-rescue/" + strings.TrimPrefix(ref, rescueRefs)
}

// rescued returns the snapshots of what was found, and the rescue refs that lead to
// all of it; no refs when something is not saved yet.
func (f *found) rescued(ctx context.Context) (parts, refs []string, err error) {
	if parts, err = f.parts(ctx); err != nil || len(f.commits)+len(f.stashes) > 0 {
		return parts, nil, err
	}
	repo := f.w.Shared()
	known, err := repo.Refs(ctx, rescueRefs)
	if err != nil {
		return parts, nil, err
	}
	names := slices.Sorted(maps.Keys(known))
	slices.Reverse(names)
	lost, err := repo.Unreached(ctx, parts, slices.Collect(maps.Values(known)), 1)
	if err != nil || len(lost) > 0 {
		return parts, nil, err
	}
	for _, part := range parts {
		for _, name := range names {
			holds, err := repo.Contains(ctx, known[name], part)
			if err != nil {
				return parts, nil, err
			}
			if holds {
				refs = append(refs, name)
				break
			}
		}
	}
	return parts, slices.Compact(refs), nil
}
