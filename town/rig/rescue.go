package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

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
	now := r.yard.now()
	top := gitcmd.NewCommit{Parents: append(parts, f.heads(parts)...), Name: r.yard.Town, When: now,
		Message: fmt.Sprintf("Rescue of %s/%s/%s: %s\n\nSaved: %s.\nThe first parent has the files; its first parent is what was checked out.\n",
			r.Name, kind, name, gitcmd.Plain(why), f.unsaved)}
	if top.Tree, err = w.Shared().TreeOf(ctx, top.Parents[0]); err != nil {
		return Saved{}, town.Fail(op, r.stays(), "%w", err)
	}
	commit, err := w.Shared().WriteCommit(ctx, top)
	if err != nil {
		return Saved{}, town.Fail(op, r.stays(), "%w", err)
	}
	saved := Saved{Commit: commit, What: f.unsaved}
	path := fmt.Sprintf("%s/%s/%s-%s", kind, name, now.Format("20060102T150405Z"), commit[:8])
	if saved.Ref, err = r.publish(ctx, w.Shared(), path, commit); err != nil {
		return Saved{}, town.Fail(op, r.stays(), "%w", err)
	}
	return saved, nil
}

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
	if errors.Is(err, gitcmd.ErrForbidden) {
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
// the same second.
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

// snapshotTime is the time of a snapshot: none, so that one state has one snapshot.
var snapshotTime = time.Unix(0, 0)

// parts stores snapshots of the files, and of each repository inside. The same state
// gives the same ids, so a later look finds that a rescue holds them.
func (f *found) parts(ctx context.Context) (parts []string, err error) {
	repo := f.w.Shared()
	if len(f.unsaved.Staged)+len(f.unsaved.Modified)+len(f.unsaved.Untracked)+len(f.unsaved.Conflicts) > 0 {
		id, err := f.files(ctx)
		if err != nil {
			return nil, err
		}
		parts = append(parts, id)
	}
	for _, n := range f.nested {
		below, err := n.parts(ctx)
		if err != nil {
			return nil, err
		}
		all := append(below, n.heads(below)...)
		if n.w.Shared().Dir() != repo.Dir() {
			if err := repo.Take(ctx, n.w.Shared().Dir(), all); err != nil {
				return nil, err
			}
		}
		tree, err := repo.TreeOf(ctx, all[0])
		if err != nil {
			return nil, err
		}
		id, err := f.commit(ctx, tree, "The repository inside at "+gitcmd.Plain(n.path), all...)
		if err != nil {
			return nil, err
		}
		parts = append(parts, id)
	}
	return parts, nil
}

// files stores a commit of the working tree. Its parents are what is checked out, and
// the index and the sides of a merge where they hold more.
func (f *found) files(ctx context.Context) (string, error) {
	parents := []string{f.head}
	work, index, sides, err := f.trees(ctx)
	if err != nil {
		return "", err
	}
	if index != "" && index != work {
		id, err := f.commit(ctx, index, "The index", f.head)
		if err != nil {
			return "", err
		}
		parents = append(parents, id)
	}
	if sides != "" {
		id, err := f.commit(ctx, sides, "The sides of the files that a merge left: base, ours, theirs")
		if err != nil {
			return "", err
		}
		parents = append(parents, id)
	}
	return f.commit(ctx, work, "Snapshot of "+filepath.Base(f.w.Top), parents...)
}

// heads are the commits and stashes that are to be saved beside the parts.
func (f *found) heads(parts []string) []string {
	ids := heads(f.commits)
	for _, s := range f.stashes {
		ids = append(ids, s.ID)
	}
	if i := slices.Index(ids, f.head); i > 0 && len(parts) == 0 { // what was checked out comes first
		ids[0], ids[i] = ids[i], ids[0]
	}
	return ids
}

func (f *found) commit(ctx context.Context, tree, message string, parents ...string) (string, error) {
	parents = slices.DeleteFunc(parents, func(id string) bool { return id == "" })
	return f.w.Shared().WriteCommit(ctx, gitcmd.NewCommit{Tree: tree, Parents: parents, When: snapshotTime, Message: message})
}

// heads are the commits that are no parent of another.
func heads(commits []gitcmd.LostCommit) (ids []string) {
	parent := map[string]bool{}
	for _, c := range commits {
		for _, p := range c.Parents {
			parent[p] = true
		}
	}
	for _, c := range commits {
		if !parent[c.ID] {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// trees stores the working tree, the index if it differs from both HEAD and the
// working tree, and the sides of unfinished merges.
func (f *found) trees(ctx context.Context) (work, index, sides string, err error) {
	files, err := f.store(ctx)
	if err != nil {
		return "", "", "", err
	}
	w, release, err := f.w.Aside()
	if err != nil {
		return "", "", "", err
	}
	defer func() { err = errors.Join(err, release()) }()
	unmerged, err := w.Unmerged(ctx)
	if err != nil {
		return "", "", "", err
	}
	var gone []gitcmd.IndexEntry
	for _, e := range unmerged {
		gone = append(gone, gitcmd.IndexEntry{Path: e.Path})
	}
	if err := w.PutEntries(ctx, gone); err != nil {
		return "", "", "", err
	}
	if index, err = w.WriteTree(ctx); err != nil {
		return "", "", "", err
	}
	if err := put(ctx, w, files); err != nil {
		return "", "", "", err
	}
	if work, err = w.WriteTree(ctx); err != nil {
		return "", "", "", err
	}
	if f.head != "" {
		tree, err := w.Shared().TreeOf(ctx, f.head)
		if err != nil {
			return "", "", "", err
		}
		if tree == index {
			index = "" // HEAD holds it
		}
	}
	if len(unmerged) == 0 {
		return work, index, "", nil
	}
	for i, e := range unmerged {
		unmerged[i].Path = [...]string{"", "base", "ours", "theirs"}[e.Stage&3] + "/" + e.Path
	}
	if err := w.EmptyIndex(ctx); err != nil {
		return "", "", "", err
	}
	if err := w.PutEntries(ctx, unmerged); err != nil {
		return "", "", "", err
	}
	sides, err = w.WriteTree(ctx)
	return work, index, sides, err
}

// put adds files to an index. Git leaves out names that could harm who checks them out,
// such as a link called .gitmodules, and only mentions it. Those files get other names,
// below renamed/.
func put(ctx context.Context, w gitcmd.Worktree, files []gitcmd.IndexEntry) error {
	if err := w.PutEntries(ctx, files); err != nil {
		return err
	}
	there, err := w.Paths(ctx)
	if err != nil {
		return err
	}
	var renamed []gitcmd.IndexEntry
	for i, f := range files {
		if f.ID != "" && !there[f.Path] {
			f.Path = fmt.Sprintf("renamed/%d-%s", i, strings.NewReplacer("/", "_", ".", "_", "\\", "_", ":", "_", "~", "_").Replace(f.Path))
			renamed = append(renamed, f)
		}
	}
	if len(renamed) == 0 {
		return nil
	}
	if err := w.PutEntries(ctx, renamed); err != nil {
		return err
	}
	if there, err = w.Paths(ctx); err != nil {
		return err
	}
	for _, f := range renamed {
		if !there[f.Path] {
			return fmt.Errorf("git takes no file called %q", town.Clip(f.Path, 200))
		}
	}
	return nil
}

// store stores the files that differ from the index, and returns how the index would
// have them. An entry without an id is a file that is gone.
func (f *found) store(ctx context.Context) (entries []gitcmd.IndexEntry, err error) {
	imp := f.w.Shared().Import(ctx)
	defer imp.Discard()
	paths := []string{}
	for _, c := range f.changes {
		if !c.Nested && (c.Work != '.' || c.Unmerged) {
			paths = append(paths, c.Path)
		}
	}
	for _, dir := range f.plain {
		files, err := f.filesOf(ctx, dir)
		if err != nil {
			return nil, err
		}
		paths = append(paths, files...)
	}
	for _, p := range paths {
		e, err := storeFile(imp, f.w.Top, p)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	// First what is gone: a file may stand where a directory was.
	slices.SortStableFunc(entries, func(a, b gitcmd.IndexEntry) int { return min(len(a.ID), 1) - min(len(b.ID), 1) })
	return entries, imp.Close()
}

// storeFile stores one file of a working tree as it is.
func storeFile(imp *gitcmd.Importer, top, name string) (gitcmd.IndexEntry, error) {
	e := gitcmd.IndexEntry{Path: name}
	file := filepath.Join(top, filepath.FromSlash(name))
	info, err := os.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR):
		return e, nil
	case err != nil:
		return e, err
	}
	switch mode := info.Mode(); {
	case mode&fs.ModeSymlink != 0:
		target, err := os.Readlink(file)
		if err != nil {
			return e, err
		}
		e.Mode = "120000"
		e.ID, err = imp.Blob(int64(len(target)), strings.NewReader(target))
		return e, err
	case mode.IsRegular():
		in, err := os.OpenFile(file, os.O_RDONLY|unix.O_NOFOLLOW, 0)
		if err != nil {
			return e, town.Fail("read "+gitcmd.Plain(file), "let this user read it: ls -l", "%w", err)
		}
		defer in.Close()
		e.Mode = gitcmd.FileMode(mode)
		e.ID, err = imp.Blob(info.Size(), io.Reader(in))
		return e, err
	}
	return e, nil // a directory, whose files are told of by themselves; a pipe or socket holds nothing
}
