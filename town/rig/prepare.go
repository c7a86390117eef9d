package rig

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/durable"
)

// Want says which sandbox a polecat needs.
type Want struct {
	// Name is the polecat's.
	Name string
	// Branch is created at Base, or put there if it exists. Commits that only this
	// branch held are rescued.
	Branch string
	// Base is a branch or a commit; "" for the newest of the target branch.
	Base string
	// UsePool takes a working tree that is ready, if there is one.
	UsePool bool
	// Fresh is how old the newest known base may be before the remote is asked: a
	// minute when it is zero, less than zero never asks. A remote that does not answer
	// does not stop Prepare; Sandbox.Stale tells.
	Fresh time.Duration
}

// Prepare gives a polecat its sandbox with a new branch checked out and nothing else in
// it. A sandbox that is there is reused: what it holds is rescued first, and when that
// fails nothing is changed. Files that git ignores stay. A directory that is no sandbox
// of this rig is moved to rigs/NAME/lost.
func (r *Rig) Prepare(ctx context.Context, want Want) (Sandbox, error) {
	op := "prepare the sandbox " + want.Name + " of the rig " + r.Name
	if err := errors.Join(town.CheckHandle("polecat", want.Name), gitcmd.CheckBranch(want.Branch)); err != nil {
		return Sandbox{}, err
	}
	if want.Branch == r.Branch {
		return Sandbox{}, town.Fail(op, "name another branch", "%w: %s is the branch that changes land on", town.ErrUsage, r.Branch)
	}
	if err := r.mend(ctx, want.Name); err != nil {
		return Sandbox{}, err
	}
	stale, err := r.newest(ctx, want)
	if err != nil {
		return Sandbox{}, err
	}
	lock, err := r.lock(ctx, string(Polecats)+"-"+want.Name)
	if err != nil {
		return Sandbox{}, err
	}
	defer lock.Release() //nolint:errcheck // it ends with the process
	if err := r.repo.ClearLocks(r.yard.now(), "refs/heads/"+want.Branch); err != nil {
		return Sandbox{}, err
	}
	base, tip, err := r.baseAnd(ctx, want.Base, "refs/heads/"+want.Branch)
	if err != nil {
		return Sandbox{}, err
	}
	top := r.path(string(Polecats), want.Name)
	admins, err := r.linked()
	if err == nil {
		err = free(admins, want.Branch, top)
	}
	if err != nil {
		return Sandbox{}, err
	}
	sandbox := Sandbox{Rig: r.Name, Kind: Polecats, Name: want.Name, Dir: top, Branch: want.Branch, Head: base, Base: base, Stale: stale}
	w, err := r.tree(Polecats, want.Name)
	if errors.Is(err, gitcmd.ErrNotOurs) {
		if _, err := r.setAside(ctx, want.Name, top); err != nil {
			return Sandbox{}, err
		}
		err = fs.ErrNotExist
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r.settle(ctx, want, sandbox, admins, tip)
	case err != nil:
		return Sandbox{}, err
	}
	in := r.scope(Polecats, want.Name)
	in.overwritten = "refs/heads/" + want.Branch
	saved, err := r.rescue(ctx, w, Polecats, want.Name, in, "the sandbox is needed for "+want.Branch)
	if err != nil {
		return Sandbox{}, err
	}
	sandbox.Rescued = saved.Ref
	return sandbox, w.Reset(ctx, want.Branch, base)
}

// newest asks the remote for a newer base, if the known one is old. stale says why that
// failed, which ends nothing; "" when it did not.
func (r *Rig) newest(ctx context.Context, want Want) (stale string, err error) {
	fresh := want.Fresh
	if fresh == 0 {
		fresh = defaultFresh
	}
	if fresh < 0 {
		return "", nil
	}
	if err := r.refresh(ctx, fresh); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		stale = err.Error()
		r.tell(ctx, NoticeStale, Polecats, want.Name, "it begins at a base that may be old: "+stale, map[string]string{"branch": want.Branch})
	}
	return stale, nil
}

// settle makes a sandbox where there is none. admins are the linked trees. tip is where its
// branch is, if there is such a branch; what only that has is saved first.
func (r *Rig) settle(ctx context.Context, want Want, s Sandbox, admins []admin, tip string) (Sandbox, error) {
	adopted, err := r.adopt(ctx, want.Name, s.Dir, admins)
	if err != nil {
		return Sandbox{}, err
	}
	saved, err := r.saveBranch(ctx, want.Name, want.Branch, tip)
	if err != nil {
		return Sandbox{}, err
	}
	s.Rescued = cmp.Or(saved, adopted)
	s.FromPool, err = r.furnish(ctx, s.Dir, want.Branch, s.Base, want.UsePool)
	return s, err
}

// mend makes sure that an agent's own git can use the clone.
func (r *Rig) mend(ctx context.Context, name string) error {
	remote := ""
	if r.HasRemote() {
		remote = r.URL
	}
	aside, err := r.repo.MendSettings(ctx, remote, r.yard.now())
	if aside != "" {
		r.tell(ctx, NoticeMended, Polecats, name, "git could not use the configuration of the clone; it is now at "+aside, map[string]string{"file": aside})
	}
	return err
}

// furnish makes a sandbox where there is none, of a tree of the pool or a new one.
func (r *Rig) furnish(ctx context.Context, top, branch, base string, usePool bool) (fromPool bool, err error) {
	if err := os.MkdirAll(filepath.Dir(top), 0o700); err != nil {
		return false, err
	}
	if usePool {
		w, ok, err := r.take(ctx, top, base)
		if err != nil {
			return false, err
		}
		if ok {
			head, _, err := w.Head(ctx)
			if err != nil {
				return true, err
			}
			if head == base {
				return true, w.Switch(ctx, branch, base)
			}
			return true, w.Reset(ctx, branch, base)
		}
	}
	return false, r.making(ctx, func(dir string) error {
		w, err := r.repo.AddWorktree(ctx, filepath.Join(dir, "tree"), branch, base)
		if err == nil {
			_, err = w.Move(top)
		}
		return err
	})
}

// free reports who has a branch checked out, if it is not the sandbox at top.
func free(admins []admin, branch, top string) error {
	for _, a := range admins {
		if a.branch != branch || a.top == top || a.top == "" {
			continue
		}
		if _, err := os.Lstat(a.top); err != nil {
			continue // adoptOrphans or Sweep sees to it
		}
		return town.Fail("use the branch "+branch+" in "+top, "gt polecat list shows who works on what", "%w: it is checked out in %s", town.ErrRefused, a.top)
	}
	return nil
}

// adoptOrphans rescues the commits of working trees that somebody removed without gt,
// and makes the clone forget them.
func (r *Rig) adoptOrphans(ctx context.Context, name, top string) (ref string, err error) {
	admins, err := r.linked()
	if err != nil {
		return "", err
	}
	return r.adopt(ctx, name, top, admins)
}

// adopt is adoptOrphans among linked trees that were just listed.
func (r *Rig) adopt(ctx context.Context, name, top string, admins []admin) (ref string, err error) {
	for _, a := range admins {
		if a.top != top || r.owner(a) != "" {
			continue
		}
		saved, err := r.forget(ctx, name, a)
		if saved != "" {
			ref = saved
		}
		if err != nil {
			return ref, err
		}
	}
	return ref, nil
}

// forget makes the clone forget a working tree that is gone, after it rescued the commits
// that only git's files about the tree hold.
func (r *Rig) forget(ctx context.Context, name string, a admin) (ref string, err error) {
	ids, err := gitcmd.Worktree{Top: a.top, GitDir: a.dir}.Remembered()
	if err != nil {
		return "", err
	}
	ref, err = r.saveCommits(ctx, name, ids, "its working tree is gone", "")
	if err != nil {
		return ref, err
	}
	if err = os.RemoveAll(a.dir); err == nil && ref == "" {
		r.tellForgotten(ctx, name, a)
	}
	return ref, err
}

// saveBranch rescues what only a branch holds, with its tip, that is about to be put
// elsewhere.
func (r *Rig) saveBranch(ctx context.Context, name, branch, tip string) (string, error) {
	if tip == "" {
		return "", nil
	}
	return r.saveCommits(ctx, name, []string{tip}, "the branch "+branch+" begins anew", "refs/heads/"+branch)
}

// saveCommits rescues commits, of those that ids name, that nothing else holds.
func (r *Rig) saveCommits(ctx context.Context, name string, ids []string, why, overwritten string) (string, error) {
	types, err := r.repo.Types(ctx, ids)
	if err != nil {
		return "", err
	}
	var tips []string
	for id, kind := range types {
		if kind == gitcmd.TypeCommit {
			tips = append(tips, id)
		}
	}
	safe, err := r.repo.Refs(ctx, r.scope(Polecats, name).saved...)
	if err != nil {
		return "", err
	}
	delete(safe, overwritten)
	var saved []string
	for _, id := range safe {
		saved = append(saved, id)
	}
	lost, err := r.repo.Unreached(ctx, tips, saved, 0)
	if err != nil || len(lost) == 0 {
		return "", err
	}
	kept, err := r.save(ctx, r.repo, Polecats, name, why, heads(lost), Unsaved{Commits: lost}, "")
	return kept.Ref, err
}

// setAside moves a directory that is no sandbox out of the way, and says where to. Nothing
// of it is lost.
func (r *Rig) setAside(ctx context.Context, name, top string) (to string, err error) {
	to = r.path("lost", filepath.Base(top)+"-"+r.yard.now().Format(stampLayout))
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return "", err
	}
	if err = durable.RenameNew(top, to); err == nil {
		r.tell(ctx, NoticeAside, Polecats, name, "it was no working tree of the rig, and is now at "+to, map[string]string{"dir": to})
	}
	return to, err
}
