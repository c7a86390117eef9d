package rig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gastown/sync/gitcmd"
)

// inner is a repository inside a working tree.
type inner struct {
	path string
	found
}

// lookInside looks at a repository inside the working tree. It is one only when its
// git directory is inside the sandbox or belongs to the sandbox's own. Otherwise its
// commits are kept elsewhere, and its files count as files.
func (r *Rig) lookInside(ctx context.Context, f *found, path string) error {
	top := filepath.Join(f.w.Top, filepath.FromSlash(path))
	w, err := r.repositoryAt(top, f.w)
	if errors.Is(err, gitcmd.ErrNotOurs) || errors.Is(err, gitcmd.ErrNotFound) {
		f.plain = append(f.plain, path)
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a submodule that is not checked out
	}
	if err != nil {
		return err
	}
	in, err := r.look(ctx, w, scope{saved: []string{"refs/remotes/"}, all: true})
	if err != nil {
		return fmt.Errorf("the repository inside at %s: %w", gitcmd.Plain(path), err)
	}
	if !in.unsaved.Empty() {
		f.nested = append(f.nested, inner{path, in})
	}
	return nil
}

// repositoryAt opens a repository whose working tree is at top, inside another one.
func (r *Rig) repositoryAt(top string, outer gitcmd.Worktree) (gitcmd.Worktree, error) {
	if w, err := r.repo.Linked(top); err == nil {
		return w, nil
	}
	git := filepath.Join(top, ".git")
	info, err := os.Lstat(git)
	if err != nil {
		return gitcmd.Worktree{}, err
	}
	if !info.IsDir() {
		// A submodule's repository stands in the git directory of the outer tree.
		text, err := os.ReadFile(git)
		named, ok := strings.CutPrefix(strings.TrimSuffix(string(text), "\n"), "gitdir: ")
		if err != nil || !ok || !info.Mode().IsRegular() {
			return gitcmd.Worktree{}, gitcmd.ErrNotOurs
		}
		if git = named; !filepath.IsAbs(git) {
			git = filepath.Join(top, named)
		}
		rel, err := filepath.Rel(filepath.Join(outer.GitDir, "modules"), git)
		if err != nil || !filepath.IsLocal(rel) {
			return gitcmd.Worktree{}, gitcmd.ErrNotOurs
		}
		if info, err := os.Lstat(git); err != nil || !info.IsDir() {
			return gitcmd.Worktree{}, gitcmd.ErrNotOurs
		}
	}
	if _, err := os.Lstat(filepath.Join(git, "commondir")); err == nil {
		return gitcmd.Worktree{}, gitcmd.ErrNotOurs
	}
	repo, err := gitcmd.OpenShared(git, r.yard.Git)
	if err != nil {
		return gitcmd.Worktree{}, err
	}
	return repo.With(top), nil
}
