package rig

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"gastown/sync/gitcmd"
	"gastown/town"
)

// Unsaved is what a sandbox holds that its remote does not. Paths are relative to the
// sandbox; those of a repository inside it begin with its path.
type Unsaved struct {
	// Commits that no branch of the remote leads to, newest first, also those that only
	// the history of HEAD remembers.
	Commits []gitcmd.LostCommit `json:"commits,omitempty"`
	// Staged differ between the last commit and the index, Modified between the index
	// and the file.
	Staged   []string `json:"staged,omitempty"`
	Modified []string `json:"modified,omitempty"`
	// Untracked are files that git neither knows nor ignores.
	Untracked []string `json:"untracked,omitempty"`
	// Conflicts are files of which a merge left both sides.
	Conflicts []string `json:"conflicts,omitempty"`
	// Stashes are described as git describes them.
	Stashes []string `json:"stashes,omitempty"`
	// Rescue is the ref that holds all of this already; "" for none.
	Rescue string `json:"rescue,omitempty"`
}

// Empty reports that a sandbox holds nothing of its own.
func (u Unsaved) Empty() bool {
	return len(u.Commits)+len(u.Staged)+len(u.Modified)+len(u.Untracked)+len(u.Conflicts)+len(u.Stashes) == 0
}

// Held reports that a loss of the sandbox would lose something.
func (u Unsaved) Held() bool { return !u.Empty() && u.Rescue == "" }

const maxNamed = 3

// String says in one line what there is: "2 commits, 1 modified file (main.go)".
func (u Unsaved) String() string {
	var parts []string
	say := func(what string, names []string) {
		if len(names) == 0 {
			return
		}
		s := fmt.Sprintf("%d %s", len(names), what)
		if len(names) > 1 {
			s += map[bool]string{true: "es", false: "s"}[what == "stash"]
		}
		shown := make([]string, 0, maxNamed)
		for _, n := range names[:min(len(names), maxNamed)] {
			shown = append(shown, gitcmd.Plain(n))
		}
		if len(names) > maxNamed {
			shown = append(shown, "...")
		}
		parts = append(parts, s+" ("+strings.Join(shown, ", ")+")")
	}
	var commits []string
	for _, c := range u.Commits {
		commits = append(commits, c.ID[:min(8, len(c.ID))]+" "+c.Subject)
	}
	say("commit", commits)
	say("conflict", u.Conflicts)
	say("staged file", u.Staged)
	say("modified file", u.Modified)
	say("untracked file", u.Untracked)
	say("stash", u.Stashes)
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// Unsaved looks at what a sandbox holds that its remote does not. It asks the remote
// nothing: what the rig last heard of it counts, and rescue refs that were seen there.
func (r *Rig) Unsaved(ctx context.Context, s Sandbox) (Unsaved, error) {
	w, err := r.tree(s.Kind, s.Name)
	if err != nil {
		return Unsaved{}, err
	}
	f, err := r.look(ctx, w, r.scope(s.Kind, s.Name))
	if err != nil || f.unsaved.Empty() || len(f.commits)+len(f.stashes) > 0 {
		return f.unsaved, err
	}
	// Without a rescue of this sandbox there is nothing to compare its files with.
	known, err := w.Shared().Refs(ctx, rescueRefs+string(s.Kind)+"/"+s.Name+"/")
	if err != nil || len(known) == 0 {
		return f.unsaved, err
	}
	_, refs, err := f.rescued(ctx)
	if len(refs) > 0 {
		f.unsaved.Rescue = refs[0]
	}
	return f.unsaved, err
}

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
