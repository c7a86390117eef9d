package rig

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"gastown/sync/gitcmd"
	"gastown/town"
)

// scope says which refs and stashes of a repository concern one of its working trees.
type scope struct {
	// saved are prefixes of the refs whose commits are safe.
	saved []string
	// all: every ref that is not saved is at risk, as in a clone that is removed whole.
	all bool
	// prefix begins the names of a polecat's branches.
	prefix string
	// overwritten is a ref that is about to get another value; "" for none.
	overwritten string
}

func (r *Rig) scope(kind Kind, name string) scope {
	s := scope{saved: []string{originRefs, rescueRefs}}
	switch {
	case kind == Crew:
		s.all = true
	case r.HasRemote():
		s.prefix = town.PolecatBranches + name + "/"
	default:
		s.prefix = town.PolecatBranches + name + "/"
		s.saved = []string{"refs/heads/", rescueRefs}
	}
	return s
}

// found is what a look at a working tree found.
type found struct {
	rig     *Rig
	w       gitcmd.Worktree
	head    string
	saved   []string // commits that are safe
	changes []gitcmd.Change
	commits []gitcmd.LostCommit
	stashes []gitcmd.Stash
	nested  []inner
	plain   []string // directories with a .git that is no repository
	unsaved Unsaved
}

// look finds everything in a working tree that is not saved.
func (r *Rig) look(ctx context.Context, w gitcmd.Worktree, s scope) (found, error) {
	f := found{rig: r, w: w}
	var err error
	if f.head, _, err = w.Head(ctx); err != nil {
		return f, err
	}
	repo := w.Shared()
	safe, err := repo.Refs(ctx, s.saved...)
	if err != nil {
		return f, err
	}
	delete(safe, s.overwritten)
	f.saved = slices.Sorted(maps.Values(safe))
	if f.changes, err = w.Changes(ctx); err != nil {
		return f, err
	}
	tips, err := r.tips(ctx, w, s, safe)
	if err != nil {
		return f, err
	}
	if f.stashes, err = r.stashes(ctx, repo, s, f.saved); err != nil {
		return f, err
	}
	// A stash is a commit too, and told of as a stash.
	stashed := map[string]bool{}
	for _, st := range f.stashes {
		stashed[st.ID] = true
	}
	tips = slices.DeleteFunc(tips, func(id string) bool { return stashed[id] })
	if f.commits, err = repo.Unreached(ctx, tips, f.saved, 0); err != nil {
		return f, err
	}
	for _, c := range f.changes {
		if c.Nested {
			if err := r.lookInside(ctx, &f, c.Path); err != nil {
				return f, err
			}
		}
	}
	return f, f.tell(ctx)
}

// tips are the commits that only this working tree may remember.
func (r *Rig) tips(ctx context.Context, w gitcmd.Worktree, s scope, safe map[string]string) ([]string, error) {
	remembered, err := w.Remembered()
	if err != nil {
		return nil, err
	}
	if s.all {
		refs, err := w.Shared().Refs(ctx)
		if err != nil {
			return nil, err
		}
		remembered = append(remembered, slices.Collect(maps.Values(refs))...)
	} else if s.prefix != "" {
		refs, err := w.Shared().Refs(ctx, "refs/heads/"+s.prefix)
		if err != nil {
			return nil, err
		}
		remembered = append(remembered, slices.Collect(maps.Values(refs))...)
	}
	if s.overwritten != "" {
		id, err := w.Shared().Resolve(ctx, s.overwritten)
		if err != nil {
			return nil, err
		}
		if id != "" {
			remembered = append(remembered, id)
		}
	}
	slices.Sort(remembered)
	types, err := w.Shared().Types(ctx, slices.Compact(remembered))
	if err != nil {
		return nil, err
	}
	var tips []string
	for id, kind := range types {
		if kind == gitcmd.TypeCommit {
			tips = append(tips, id)
		}
	}
	slices.Sort(tips)
	return tips, nil
}

// stashes are those that concern this working tree and are not saved. All working
// trees of a clone share one stash, and an entry names the branch it was made on. One
// that does not clearly belong to another polecat counts for each.
func (r *Rig) stashes(ctx context.Context, repo *gitcmd.Shared, s scope, saved []string) ([]gitcmd.Stash, error) {
	all, err := repo.Stashes(ctx)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	var mine []gitcmd.Stash
	for _, st := range all {
		_, on, _ := strings.Cut(st.Message, "on ")
		if on == "" {
			_, on, _ = strings.Cut(st.Message, "On ")
		}
		if !s.all && s.prefix != "" && strings.HasPrefix(on, town.PolecatBranches) && !strings.HasPrefix(on, s.prefix) {
			continue
		}
		missing, err := repo.Unreached(ctx, []string{st.ID}, saved, 1)
		if err != nil {
			return nil, err
		}
		if len(missing) > 0 {
			mine = append(mine, st)
		}
	}
	return mine, nil
}

// tell fills in the words for people.
func (f *found) tell(ctx context.Context) error {
	u := &f.unsaved
	u.Commits = f.commits
	for _, c := range f.changes {
		switch {
		case c.Nested && c.Index == '.':
			continue // told of below
		case c.Unmerged:
			u.Conflicts = append(u.Conflicts, c.Path)
			continue
		case c.Untracked:
			u.Untracked = append(u.Untracked, c.Path)
			continue
		}
		if c.Index != '.' {
			u.Staged = append(u.Staged, c.Path)
		}
		if c.Work != '.' && !c.Nested {
			u.Modified = append(u.Modified, c.Path)
		}
	}
	for _, s := range f.stashes {
		u.Stashes = append(u.Stashes, s.Message)
	}
	for _, p := range f.plain {
		files, err := f.filesOf(ctx, p)
		if err != nil {
			return err
		}
		u.Untracked = append(u.Untracked, files...)
	}
	for _, n := range f.nested {
		under := func(names []string) (all []string) {
			for _, name := range names {
				all = append(all, n.path+"/"+name)
			}
			return all
		}
		u.Commits = append(u.Commits, n.unsaved.Commits...)
		u.Staged = append(u.Staged, under(n.unsaved.Staged)...)
		u.Modified = append(u.Modified, under(n.unsaved.Modified)...)
		u.Untracked = append(u.Untracked, under(n.unsaved.Untracked)...)
		u.Conflicts = append(u.Conflicts, under(n.unsaved.Conflicts)...)
		for _, s := range n.unsaved.Stashes {
			u.Stashes = append(u.Stashes, n.path+": "+s)
		}
	}
	return nil
}

// filesOf lists the files of a directory that has a .git but is no repository of the
// sandbox. Paths are relative to the working tree.
func (f *found) filesOf(ctx context.Context, dir string) (files []string, err error) {
	at, release, err := f.rig.repo.At(filepath.Join(f.w.Top, filepath.FromSlash(dir)))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	names, err := at.ListFiles(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if inside, deeper := strings.CutSuffix(name, "/"); deeper {
			below, err := f.filesOf(ctx, dir+"/"+inside)
			if err != nil {
				return nil, err
			}
			files = append(files, below...)
			continue
		}
		files = append(files, dir+"/"+name)
	}
	return files, nil
}
