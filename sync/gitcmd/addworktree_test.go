package gitcmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sharedClone is a bare clone of a repository with one commit, and the commit.
func sharedClone(t *testing.T) (*Shared, string) {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main", "src")
	src := filepath.Join(dir, "src")
	for name, mode := range map[string]os.FileMode{"plain": 0o600, "deep/program": 0o700, "deep/in/text": 0o600} {
		file := filepath.Join(src, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(name+"\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("plain", filepath.Join(src, "link")); err != nil {
		t.Fatal(err)
	}
	git(t, src, "add", "-A")
	git(t, src, "commit", "-q", "-m", "first")
	git(t, dir, "clone", "-q", "--bare", "src", "clone.git")
	s, err := OpenShared(filepath.Join(dir, "clone.git"), Options{Env: here()})
	if err != nil {
		t.Fatal(err)
	}
	return s, git(t, src, "rev-parse", "HEAD")
}

// A new working tree is what git worktree add makes, and takes one process.
func TestAddWorktree(t *testing.T) {
	s, commit := sharedClone(t)
	peer := filepath.Join(t.TempDir(), "peer")
	git(t, s.Dir(), "worktree", "add", "-q", "-b", "peer", peer, commit)
	for _, branch := range []string{"new", "new", "main", ""} { // twice: a branch that is there is put at the commit
		top := filepath.Join(t.TempDir(), "tree")
		if err := os.Mkdir(top+unlinkedSuffix, 0o700); err != nil { // of one that was killed
			t.Fatal(err)
		}
		before := Processes()
		w, err := s.AddWorktree(t.Context(), top, branch, commit)
		if err != nil {
			t.Fatalf("on %q: %v", branch, err)
		}
		if n := Processes() - before; n != 1 {
			t.Errorf("on %q: it started %d processes", branch, n)
		}
		if linked, err := s.Linked(top); err != nil || linked.GitDir != w.GitDir {
			t.Errorf("on %q: %+v, %v", branch, linked, err)
		}
		if head := git(t, top, "rev-parse", "HEAD"); head != commit {
			t.Errorf("on %q: it is at %s", branch, head)
		}
		if on := git(t, top, "branch", "--show-current"); on != branch {
			t.Errorf("it is on %q, want %q", on, branch)
		}
		if dirty := git(t, top, "status", "--porcelain", "--ignored"); dirty != "" {
			t.Errorf("on %q: it has changes: %s", branch, dirty)
		}
		if how := git(t, top, "diff", "--no-index", "--stat", filepath.Join(peer, "deep"), filepath.Join(top, "deep")); how != "" {
			t.Errorf("on %q: other files than those of git worktree add: %s", branch, how)
		}
		if to, err := os.Readlink(filepath.Join(top, "link")); err != nil || to != "plain" {
			t.Errorf("on %q: the link leads to %q (%v)", branch, to, err)
		}
		if log := git(t, top, "reflog", "HEAD"); branch != "" && !strings.Contains(log, "moving from "+commit+" to "+branch) {
			t.Errorf("on %q: its history is %q", branch, log)
		}
		left, err := filepath.Glob(filepath.Join(filepath.Dir(top), "*"))
		if err != nil || len(left) != 1 {
			t.Errorf("on %q: it left %q (%v)", branch, left, err)
		}
		git(t, s.Dir(), "worktree", "remove", top)
	}
}

// Where the tree cannot be made nothing is left of it, and what was there stays.
func TestAddWorktreeFails(t *testing.T) {
	s, commit := sharedClone(t)
	top := filepath.Join(t.TempDir(), "tree")
	if w, err := s.AddWorktree(t.Context(), top, "b", strings.Repeat("1", 40)); err == nil {
		t.Errorf("at a commit that is not there: %+v", w)
	}
	for _, name := range []string{top, top + unlinkedSuffix} {
		if _, err := os.Lstat(name); !os.IsNotExist(err) {
			t.Errorf("%s is left (%v)", name, err)
		}
	}
	if known, err := os.ReadDir(filepath.Join(s.Dir(), "worktrees")); len(known) > 0 {
		t.Errorf("the repository knows %v (%v)", known, err)
	}
	if err := os.MkdirAll(filepath.Join(top, "of a person"), 0o700); err != nil {
		t.Fatal(err)
	}
	if w, err := s.AddWorktree(t.Context(), top, "b", commit); err == nil {
		t.Errorf("where a directory is: %+v", w)
	}
	if _, err := os.Lstat(filepath.Join(top, "of a person")); err != nil {
		t.Errorf("the directory: %v", err)
	}
}

// git worktree prune removes the directory of trees when it is empty, also while the first
// tree is being made.
func TestPublishAfterAPrune(t *testing.T) {
	s, commit := sharedClone(t)
	top := filepath.Join(t.TempDir(), "tree")
	if err := os.Mkdir(top, 0o700); err != nil {
		t.Fatal(err)
	}
	w := Worktree{Top: top, GitDir: top + unlinkedSuffix, shared: s}
	if err := w.outline(commit); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(s.Dir(), "worktrees")); err != nil {
		t.Fatal(err)
	}
	if err := w.publish(); err != nil {
		t.Fatal(err)
	}
	if linked, err := s.Linked(top); err != nil || linked.GitDir != w.GitDir {
		t.Errorf("%+v, %v", linked, err)
	}
}

// A list of files to leave out is handed on to new trees, by git itself.
func TestAddWorktreeSparse(t *testing.T) {
	s, commit := sharedClone(t)
	git(t, s.Dir(), "config", "core.sparseCheckout", "true")
	if err := os.MkdirAll(filepath.Join(s.Dir(), "info"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir(), "info", "sparse-checkout"), []byte("/plain\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	top := filepath.Join(t.TempDir(), "tree")
	if _, err := s.AddWorktree(t.Context(), top, "new", commit); err != nil {
		t.Fatal(err)
	}
	if files, err := filepath.Glob(filepath.Join(top, "[^.]*")); err != nil || len(files) != 1 {
		t.Errorf("it has %q (%v)", files, err)
	}
}
