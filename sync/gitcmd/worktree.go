package gitcmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gastown/town"
	"gastown/town/durable"
)

// ErrNotOurs: a working tree is not linked to the repository it should belong to.
var ErrNotOurs = errors.New("it is not a working tree of this repository")

// Worktree is a working tree of a Shared repository. Git is told which repository
// and which tree it works on and looks for neither, so what stands in the tree
// cannot lead it elsewhere.
type Worktree struct {
	// Top is the directory of the working tree.
	Top string
	// GitDir is the git directory of this working tree.
	GitDir string
	shared *Shared
	// index replaces the working tree's own index; "" for that.
	index string
}

// Linked is the working tree at a directory, an absolute path. It reports ErrNotOurs
// unless the tree and the repository name each other, and fs.ErrNotExist where there
// is no directory. It starts no process.
func (s *Shared) Linked(top string) (Worktree, error) {
	w, back, err := s.link(top)
	if err != nil {
		return w, err
	}
	if want := filepath.Join(top, ".git"); back != want {
		if _, err := os.Lstat(back); err == nil {
			return w, town.Fail("use the working tree "+top, "look at both; one is a copy of the other", "%w: the repository knows it at %s", ErrNotOurs, filepath.Dir(back))
		}
		// A rename that was cut off: the tree is in its place, the repository does not know yet.
		if err := w.relink(top); err != nil {
			return w, err
		}
	}
	return w, nil
}

// link reads how a tree names its place in the repository, and how that names it.
func (s *Shared) link(top string) (w Worktree, back string, err error) {
	op := "use the working tree " + top
	top, err = absolute(top)
	if err != nil {
		return w, "", err
	}
	info, err := os.Lstat(top)
	if err != nil {
		return w, "", err
	}
	notOurs := func(format string, args ...any) error {
		return town.Fail(op, "look at it: ls -la "+top, "%w: %s", ErrNotOurs, fmt.Sprintf(format, args...))
	}
	if !info.IsDir() {
		return w, "", notOurs("%s is not a directory", top)
	}
	text, err := smallFile(filepath.Join(top, ".git"))
	if err != nil {
		return w, "", notOurs("its .git: %v", err)
	}
	gitDir, ok := strings.CutPrefix(text, "gitdir: ")
	if !ok || filepath.Dir(gitDir) != filepath.Join(s.repo.Dir, "worktrees") || filepath.Clean(gitDir) != gitDir {
		return w, "", notOurs("its .git names %s", clean(gitDir))
	}
	for dir := range map[string]bool{filepath.Dir(gitDir): true, gitDir: true} {
		if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
			return w, "", notOurs("%s is not a directory", dir)
		}
	}
	if common, err := smallFile(filepath.Join(gitDir, "commondir")); err != nil || common != "../.." {
		return w, "", notOurs("its commondir is %q (%v)", clean(common), err)
	}
	if back, err = smallFile(filepath.Join(gitDir, "gitdir")); err != nil {
		return w, "", notOurs("its gitdir: %v", err)
	}
	return Worktree{Top: top, GitDir: gitDir, shared: s}, back, nil
}

// Own is the working tree of a repository that has just one: .git in its top is the
// repository.
func (s *Shared) Own() Worktree {
	return Worktree{Top: filepath.Dir(s.repo.Dir), GitDir: s.repo.Dir, shared: s}
}

// With is a working tree at another place than beside the repository, as a submodule
// has it.
func (s *Shared) With(top string) Worktree { return Worktree{Top: top, GitDir: s.repo.Dir, shared: s} }

// relink makes the repository know where the tree is.
func (w Worktree) relink(top string) error {
	return durable.ReplaceUnflushed(filepath.Join(w.GitDir, "gitdir"), []byte(filepath.Join(top, ".git")+"\n"), 0o600)
}

// smallFile reads the one line of a regular file of git's.
func smallFile(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > 1<<14 {
		return "", errors.New("it is not a small regular file")
	}
	b, err := os.ReadFile(path)
	line := strings.TrimSuffix(string(b), "\n")
	if err == nil && strings.ContainsAny(line, "\n\x00") {
		err = errors.New("it has more than one line")
	}
	return line, err
}

// Move renames a working tree to a directory that does not exist, on the same file
// system. Like git's own making of a tree it flushes nothing: it is for trees that hold
// no work yet.
func (w Worktree) Move(top string) (Worktree, error) {
	if err := durable.RenameNewUnflushed(w.Top, top); err != nil {
		return w, err
	}
	w.Top = top
	return w, w.relink(top)
}

// Drop makes the repository forget a linked working tree. The tree's files stay.
func (w Worktree) Drop() error {
	if filepath.Dir(w.GitDir) != filepath.Join(w.shared.repo.Dir, "worktrees") {
		return fmt.Errorf("%s is no linked working tree", w.Top)
	}
	return os.RemoveAll(w.GitDir)
}

// Shared is the repository that the working tree belongs to.
func (w Worktree) Shared() *Shared { return w.shared }

func (w Worktree) command(op string, args ...string) command {
	c := command{op: op + " " + w.Top, dir: w.Top, bare: true}
	c.args = append([]string{"--git-dir=" + w.GitDir, "--work-tree=" + w.Top, "--no-optional-locks", "--literal-pathspecs"}, args...)
	if w.index != "" {
		c.env = []string{"GIT_INDEX_FILE=" + w.index}
	}
	return c
}

// Reset puts a branch at a commit and checks it out. It throws away every change and
// every file that git does not ignore, and ends a merge or rebase under way: the
// caller has saved them.
func (w Worktree) Reset(ctx context.Context, branch, commit string) error {
	if !IsID(commit) {
		return fmt.Errorf("reset %s to %q: not an id", w.Top, clean(commit))
	}
	how := []string{"--detach", commit}
	if branch != "" {
		if err := CheckBranch(branch); err != nil {
			return err
		}
		how = []string{"--no-track", "-B", branch, commit}
	}
	if err := w.forget(); err != nil {
		return err
	}
	r := w.shared.repo
	if _, err := r.run(ctx, w.writing("reset", slices.Concat([]string{"checkout", "--quiet", "--force", "--no-guess", "--no-recurse-submodules"}, how, []string{"--"})...)); err != nil {
		return err
	}
	_, err := r.run(ctx, w.writing("clean", "clean", "--quiet", "-d", "-f", "-f"))
	return err
}

// writing is a command that may lock.
func (w Worktree) writing(op string, args ...string) command {
	c := w.command(op)
	c.args = append(slices.DeleteFunc(c.args, func(s string) bool { return s == "--no-optional-locks" || s == "--literal-pathspecs" }), args...)
	return c
}

// Switch puts a branch at the commit that is checked out already, without looking at
// the files.
func (w Worktree) Switch(ctx context.Context, branch, commit string) error {
	if err := CheckBranch(branch); err != nil {
		return err
	}
	if err := w.shared.ForceRef(ctx, "refs/heads/"+branch, commit); err != nil {
		return err
	}
	_, err := w.shared.repo.run(ctx, w.writing("switch", "symbolic-ref", "-m", "gt", "HEAD", "refs/heads/"+branch))
	return err
}

// underWay are the files and directories by which git knows of an operation that is
// not finished, and locks.
var underWay = []string{"MERGE_HEAD", "MERGE_MSG", "MERGE_MODE", "MERGE_RR", "MERGE_AUTOSTASH", "AUTO_MERGE", "SQUASH_MSG", "CHERRY_PICK_HEAD", "REVERT_HEAD",
	"REBASE_HEAD", "BISECT_HEAD", "BISECT_LOG", "BISECT_START", "BISECT_EXPECTED_REV", "BISECT_TERMS", "BISECT_NAMES", "BISECT_RUN", "BISECT_ANCESTORS_OK",
	"BISECT_FIRST_PARENT", "rebase-merge", "rebase-apply", "sequencer", "refs/bisect", "index.lock", "HEAD.lock", "config.worktree.lock", "logs/HEAD.lock"}

// forget removes what an operation under way, or one that was killed, left in the
// git directory of a linked working tree.
func (w Worktree) forget() error {
	for _, name := range underWay {
		if err := os.RemoveAll(filepath.Join(w.GitDir, name)); err != nil {
			return err
		}
	}
	return nil
}

// ClearLock removes the lock that a killed git left on the index of this working tree.
// The caller knows that no git works in it.
func (w Worktree) ClearLock() error {
	err := os.Remove(filepath.Join(w.GitDir, "index.lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Locked is the reason for which a person locked a working tree (git worktree lock).
func (w Worktree) Locked() (reason string, locked bool) {
	text, err := os.ReadFile(filepath.Join(w.GitDir, "locked"))
	return clean(string(text)), err == nil
}
