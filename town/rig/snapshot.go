package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gastown/sync/gitcmd"
	"gastown/town"
)

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
