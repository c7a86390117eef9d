package gitcmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"gastown/town"
	"gastown/town/durable"
)

// unlinkedSuffix ends the name of the git directory, beside the tree, of a working tree that
// the repository does not know yet.
const unlinkedSuffix = ".unlinked"

// AddWorktree makes a working tree at a directory that does not exist, at a commit.
// branch is set to that commit and checked out; "" for none. The caller has made sure that
// no other tree has that branch. It starts one process, where git worktree add starts four.
//
// The repository knows the tree once it is complete. A process that is killed leaves the
// directory, and either another one beside it, which the next call replaces, or the tree's
// git directory in the repository, which names a tree without .git.
func (s *Shared) AddWorktree(ctx context.Context, top, branch, commit string) (w Worktree, err error) {
	op := "make the working tree " + town.Clip(top, 300)
	if top, err = absolute(top); err != nil {
		return w, err
	}
	if !IsID(commit) {
		return w, fmt.Errorf("%s at %q: not an id", op, clean(commit))
	}
	how := []string{"--detach", commit}
	if branch != "" {
		if err := CheckBranch(branch); err != nil {
			return w, err
		}
		how = []string{"--no-track", "-B", branch, commit}
	}
	if !s.plain() {
		return s.addByGit(ctx, op, top, branch, commit)
	}
	if err := os.Mkdir(top, 0o700); err != nil {
		return w, failHere(op, err)
	}
	w = Worktree{Top: top, GitDir: top + unlinkedSuffix, shared: s}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(top), os.RemoveAll(w.GitDir))
		}
	}()
	if err := w.outline(commit); err != nil {
		return w, failHere(op, err)
	}
	if _, err := s.repo.run(ctx, w.writing("make the working tree", append([]string{"checkout", "--quiet", "--force", "--no-guess", "--no-recurse-submodules"}, append(how, "--")...)...)); err != nil {
		return w, err
	}
	err = failed(op, w.publish())
	return w, err
}

// plain reports whether a new working tree needs nothing but its own files: the repository
// stores its refs as files, and has no sparse-checkout list that git would copy.
func (s *Shared) plain() bool {
	for _, name := range []string{"reftable", "info/sparse-checkout"} {
		if _, err := os.Lstat(filepath.Join(s.repo.Dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

// outline makes the git directory of a working tree as gitrepository-layout(5) describes it,
// but beside the tree.
func (w Worktree) outline(commit string) error {
	err := os.RemoveAll(w.GitDir)
	if err == nil {
		err = os.Mkdir(w.GitDir, 0o700)
	}
	for name, text := range map[string]string{"HEAD": commit, "commondir": w.shared.repo.Dir, "gitdir": filepath.Join(w.Top, ".git")} {
		if err == nil {
			err = os.WriteFile(filepath.Join(w.GitDir, name), []byte(text+"\n"), 0o600)
		}
	}
	return err
}

// publish gives the tree's git directory its place in the repository, and then writes the
// tree's .git. So a tree never names the git directory of another one.
func (w *Worktree) publish() error {
	if err := os.WriteFile(filepath.Join(w.GitDir, "commondir"), []byte("../..\n"), 0o600); err != nil {
		return err
	}
	trees := filepath.Join(w.shared.repo.Dir, "worktrees")
	// git worktree prune removes an empty one.
	if err := os.Mkdir(trees, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	for range 100 {
		to := filepath.Join(trees, fmt.Sprintf("tree-%08x", rand.Uint32()))
		err := os.Rename(w.GitDir, to)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			w.GitDir = to
			err = os.WriteFile(filepath.Join(w.Top, ".git"), []byte("gitdir: "+to+"\n"), 0o600)
		}
		return err
	}
	return fmt.Errorf("%w: a hundred random names in %s", fs.ErrExist, trees)
}

// addByGit lets git worktree add do it.
func (s *Shared) addByGit(ctx context.Context, op, top, branch, commit string) (w Worktree, err error) {
	how := []string{"--detach"}
	if branch != "" {
		how = []string{"--no-track", "-B", branch}
	}
	args := append(append([]string{"worktree", "add", "--quiet", "--no-guess-remote"}, how...), "--", top, commit)
	if _, err := s.repo.run(ctx, command{op: op, args: args}); err != nil {
		return w, err
	}
	if err := s.settle(top); err != nil {
		return w, err
	}
	w, _, err = s.link(top)
	return w, err
}

// settle makes a new working tree name the repository, and not gt's way to it.
func (s *Shared) settle(top string) error {
	file := filepath.Join(top, ".git")
	text, err := smallFile(file)
	if err != nil {
		return err
	}
	id, ok := strings.CutPrefix(text, "gitdir: "+filepath.Join(s.repo.Dir, commonName)+"/")
	if !ok {
		return nil
	}
	return durable.ReplaceUnflushed(file, []byte("gitdir: "+filepath.Join(s.repo.Dir, id)+"\n"), 0o600)
}
