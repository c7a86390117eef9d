package rig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/durable"
)

// Adding describes a new rig.
type Adding struct {
	// Settings are those of the entry. Branch, Prefix and Merge may be empty.
	Settings
	// Local is a clone on this machine from which objects are copied first; "" for none.
	Local string
}

// Add clones a repository and writes the rig's entry. After an error nothing is left,
// except where another process was killed at the same: then the next Add goes on from
// there.
func (y *Yard) Add(ctx context.Context, a Adding) (Settings, error) {
	s := a.Settings
	op := "add the rig " + s.Name
	if s.Merge == "" {
		s.Merge = MergeDirect
	}
	if s.Prefix == "" {
		s.Prefix = PrefixFor(s.Name)
	}
	probe := s
	if probe.Branch == "" {
		probe.Branch = "main"
	}
	if _, err := probe.check(); err != nil {
		return s, town.Fail(op, "gt rig add --help shows what is possible", "%w: %w", town.ErrUsage, err)
	}
	r := &Rig{Settings: s, yard: y}
	if err := os.MkdirAll(y.Dir, 0o700); err != nil {
		return s, err
	}
	lock, err := r.lock(ctx, "add")
	if err != nil {
		return s, err
	}
	defer lock.Release() //nolint:errcheck // it ends with the process
	all, err := y.Load()
	if err != nil {
		return s, err
	}
	known := false
	for _, other := range all {
		_, missing := os.Lstat(r.path("repo.git"))
		switch {
		case other.Name == s.Name && other.URL == s.URL && missing != nil:
			s, known = other, true // its clone was lost: clone again
		case other.Name == s.Name:
			return s, town.Fail(op, "gt rig status "+s.Name+" shows it", "%w: there is one of that name, from %s", town.ErrRefused, gitcmd.Redact(other.URL))
		case other.Prefix == s.Prefix:
			return s, town.Fail(op, "choose another: --prefix P", "%w: the prefix %s belongs to the rig %s", town.ErrRefused, s.Prefix, other.Name)
		}
	}
	if s.Branch == "" {
		if s.Branch, err = gitcmd.DefaultBranch(ctx, s.URL, y.Git); err != nil {
			return s, err
		}
		if s.Branch == "" {
			return s, town.Fail(op, "push a first commit there, or name the branch: --branch main", "%w: the repository %s is empty", town.ErrRefused, gitcmd.Redact(s.URL))
		}
	}
	r.Settings = s
	if err := r.clone(ctx, a.Local); err != nil {
		return s, err
	}
	// The Town may be in a Git repository of its own, which does not hold its projects.
	ignore := filepath.Join(y.Dir, ".gitignore")
	if _, err := os.Lstat(ignore); errors.Is(err, fs.ErrNotExist) {
		if err := durable.WriteFile(ignore, []byte("*\n"), 0o600); err != nil {
			return s, err
		}
	}
	if known {
		return s, nil
	}
	return s, y.put(ctx, s)
}

// clone makes the rig's clone, unless an earlier Add made it and was killed before it
// wrote the entry.
func (r *Rig) clone(ctx context.Context, local string) error {
	done := r.path("repo.git")
	if repo, err := gitcmd.OpenShared(done, r.yard.Git); err == nil {
		r.repo = repo
		if id, err := repo.Resolve(ctx, r.target()); err != nil || id == "" {
			return errors.Join(err, town.Fail("use the clone "+done, "look at it: ls -la "+r.path(), "%w: it has no branch %s", town.ErrRefused, r.Branch))
		}
		return nil
	} else if _, lerr := os.Lstat(done); lerr == nil {
		return town.Fail("clone into "+done, "look at it: ls -la "+r.path(), "%w: something else stands there", town.ErrRefused)
	}
	_, before := os.Lstat(r.path())
	if err := os.MkdirAll(r.path(), 0o700); err != nil {
		return err
	}
	err := r.cloneInto(ctx, r.path("repo.git.partial"), local)
	if err == nil {
		err = durable.RenameNew(r.path("repo.git.partial"), done)
	}
	if err == nil {
		r.repo, err = gitcmd.OpenShared(done, r.yard.Git)
	}
	if err != nil {
		err = errors.Join(err, os.RemoveAll(r.path("repo.git.partial")))
		if errors.Is(before, fs.ErrNotExist) {
			_ = os.RemoveAll(r.path("fetched"))
			_ = os.Remove(r.path()) // stays if something else came into it
		}
	}
	return err
}

func (r *Rig) cloneInto(ctx context.Context, dir, local string) error {
	if err := os.RemoveAll(dir); err != nil { // of an Add that was killed; we hold its lock
		return err
	}
	remote := r.URL
	if !r.HasRemote() {
		remote = ""
	}
	repo, err := gitcmd.CreateShared(dir, remote, r.yard.Git)
	if err != nil {
		return err
	}
	if local != "" {
		if err := repo.FetchAll(ctx, local, "refs/heads/*:refs/gt/local/*"); err != nil {
			return err
		}
	}
	r.repo = repo
	if r.HasRemote() {
		err = r.fetch(ctx)
	} else {
		err = repo.FetchAll(ctx, r.URL, "refs/heads/*:refs/heads/*")
	}
	if err != nil {
		return err
	}
	if local != "" {
		refs, err := repo.Refs(ctx, "refs/gt/local/")
		if err != nil {
			return err
		}
		for ref := range refs {
			if err := repo.SetRef(ctx, ref, "", ""); err != nil {
				return err
			}
		}
	}
	if id, err := repo.Resolve(ctx, r.target()); err != nil || id == "" {
		return errors.Join(err, town.Fail("clone "+gitcmd.Redact(r.URL), "name a branch that exists: --branch B", "%w: it has no branch %s", gitcmd.ErrNoRef, r.Branch))
	}
	return repo.SetHead(ctx, r.Branch)
}

// Forget takes a rig out of config/rigs.yaml and removes its directory. It is refused
// while any sandbox is there, or while the clone holds commits that the remote has not.
func (r *Rig) Forget(ctx context.Context) error {
	op := "remove the rig " + r.Name
	lock, err := r.lock(ctx, "add")
	if err != nil {
		return err
	}
	defer lock.Release() //nolint:errcheck // it ends with the process
	for _, kind := range []Kind{Polecats, Crew} {
		names, err := r.Sandboxes(kind)
		if err != nil {
			return err
		}
		if len(names) > 0 {
			return town.Fail(op, "remove those first", "%w: %s has the sandboxes %v", town.ErrRefused, r.path(string(kind)), names)
		}
	}
	if entries, err := os.ReadDir(r.path("lost")); err == nil && len(entries) > 0 {
		return town.Fail(op, "look at what is there and take what you need elsewhere", "%w: %s holds directories that were set aside", town.ErrRefused, r.path("lost"))
	}
	if held, err := r.Leftover(ctx); err != nil {
		return err
	} else if !held.Empty() {
		return town.Fail(op, "push them: git -C "+r.path("repo.git")+" push origin BRANCH", "%w: %s holds %s", town.ErrRefused, r.path("repo.git"), held)
	}
	gone := filepath.Join(r.yard.Dir, fmt.Sprintf(".removing-%s-%d", r.Name, r.yard.now().UnixNano()))
	if err := r.yard.drop(ctx, r.Name); err != nil {
		return err
	}
	if err := durable.RenameNew(r.path(), gone); err != nil {
		return err
	}
	return os.RemoveAll(gone)
}

// Leftover is what the bare clone holds that its remote has not: commits of branches and
// stashes of former sandboxes. A rig without a remote is compared with the repository it
// was cloned from; while that cannot be asked, everything counts.
func (r *Rig) Leftover(ctx context.Context) (Unsaved, error) {
	lost, stashes, err := r.leftover(ctx)
	u := Unsaved{Commits: lost}
	for _, s := range stashes {
		u.Stashes = append(u.Stashes, s.Message)
	}
	return u, err
}

func (r *Rig) leftover(ctx context.Context) (lost []gitcmd.LostCommit, stashes []gitcmd.Stash, err error) {
	known, own := []string{originRefs, rescueRefs}, []string{"refs/heads/"}
	if !r.HasRemote() {
		known, own = nil, []string{"refs/heads/", rescueRefs}
	}
	var saved []string
	if known != nil {
		safe, err := r.repo.Refs(ctx, known...)
		if err != nil {
			return nil, nil, err
		}
		saved = slices.Collect(maps.Values(safe))
	} else if saved, err = r.upstream(ctx); err != nil {
		return nil, nil, err
	}
	refs, err := r.repo.Refs(ctx, own...)
	if err != nil {
		return nil, nil, err
	}
	if lost, err = r.repo.Unreached(ctx, slices.Collect(maps.Values(refs)), saved, 0); err != nil {
		return nil, nil, err
	}
	stashes, err = r.stashes(ctx, r.repo, scope{all: true}, saved)
	return lost, stashes, err
}

// upstream are the commits that the repository a rig was cloned from has on branches, as
// far as the clone knows them.
func (r *Rig) upstream(ctx context.Context) ([]string, error) {
	listing, err := r.repo.ListRemote(ctx, r.URL)
	if err != nil {
		return nil, nil // it may be gone: then nothing is safe there
	}
	if listing, err = r.repo.ListRemote(ctx, r.URL, listing.Heads...); err != nil {
		return nil, nil
	}
	types, err := r.repo.Types(ctx, slices.Collect(maps.Values(listing.IDs)))
	return slices.Collect(maps.Keys(types)), err
}

// RescueClone saves, as Rescue does, what only the bare clone holds. A rig without a
// remote has no place to save it to: pushing it somewhere is for a person.
func (r *Rig) RescueClone(ctx context.Context, why string) (Saved, error) {
	lost, stashes, err := r.leftover(ctx)
	if err != nil || len(lost)+len(stashes) == 0 || !r.HasRemote() {
		return Saved{}, err
	}
	f := found{rig: r, commits: lost, stashes: stashes}
	parents := f.heads(nil)
	tree, err := r.repo.TreeOf(ctx, parents[0])
	if err != nil {
		return Saved{}, err
	}
	what := Unsaved{Commits: lost}
	for _, s := range stashes {
		what.Stashes = append(what.Stashes, s.Message)
	}
	now := r.yard.now()
	commit, err := r.repo.WriteCommit(ctx, gitcmd.NewCommit{Tree: tree, Parents: parents, Name: r.yard.Town, When: now,
		Message: fmt.Sprintf("Rescue of %s: %s\n\nSaved: %s.\n", r.Name, gitcmd.Plain(why), what)})
	if err != nil {
		return Saved{}, err
	}
	ref, err := r.publish(ctx, r.repo, "clone/"+now.Format(stampLayout)+"-"+commit[:8], commit)
	return Saved{Ref: ref, Commit: commit, What: what}, err
}
