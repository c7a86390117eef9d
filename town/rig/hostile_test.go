package rig

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gastown/sync/gitcmd"
	"gastown/town"
)

// Names that could leave their place are refused before anything happens.
func TestHostileNames(t *testing.T) {
	r := rig(t, remote(t), MergeDirect)
	for _, name := range []string{"", "..", ".", "-x", "a/b", "a b", "a\nb", "a;b", "$(x)", "a\x00b", strings.Repeat("a", 65), "ä", ".git"} {
		if _, err := r.Prepare(t.Context(), Want{Name: name, Branch: "b", Fresh: -1}); !errors.Is(err, town.ErrUsage) {
			t.Errorf("the name %q: %v", name, err)
		}
		if err := r.Remove(t.Context(), Sandbox{Kind: Polecats, Name: name}); err == nil {
			t.Errorf("the name %q was removed", name)
		}
	}
	for _, branch := range []string{"", "-x", "a..b", "a b", "a\nb", "x.lock", "/a", "a/", "@{-1}", "HEAD", "a~1", "a:b", "refs/../x", "main"} {
		if _, err := r.Prepare(t.Context(), Want{Name: "nux", Branch: branch, Fresh: -1}); err == nil {
			t.Errorf("the branch %q was taken", branch)
		}
	}
	for _, base := range []string{"-x", "--all", "a..b", "HEAD^{/x}", "no-such", strings.Repeat("0", 40)} {
		if _, err := r.Prepare(t.Context(), Want{Name: "nux", Branch: "b", Base: base, Fresh: -1}); err == nil {
			t.Errorf("the base %q was taken", base)
		}
	}
	if _, err := r.Sandbox(t.Context(), "lost", "nux"); err == nil {
		t.Error("a kind of its own was taken")
	}
}

// Saving never runs outside the sandbox: a directory that is not a working tree of this
// rig is not touched, and Prepare moves it aside whole.
func TestNotASandbox(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, r *Rig, dir string){
		"no .git": func(t *testing.T, _ *Rig, dir string) { must(t, os.Remove(filepath.Join(dir, ".git"))) },
		"a repository of its own": func(t *testing.T, _ *Rig, dir string) {
			must(t, os.Remove(filepath.Join(dir, ".git")))
			git(t, dir, "init", "-q")
		},
		"a link to another .git": func(t *testing.T, r *Rig, dir string) {
			other := prepare(t, r, "other", "polecat/other/web-9")
			must(t, os.Remove(filepath.Join(dir, ".git")))
			must(t, os.Symlink(filepath.Join(other.Dir, ".git"), filepath.Join(dir, ".git")))
		},
		"a copy": func(t *testing.T, r *Rig, dir string) {
			other := prepare(t, r, "other", "polecat/other/web-9")
			text, err := os.ReadFile(filepath.Join(other.Dir, ".git"))
			must(t, err)
			write(t, filepath.Join(dir, ".git"), string(text))
		},
		"another rig's": func(t *testing.T, _ *Rig, dir string) {
			other := rig(t, remote(t), MergeDirect)
			s := prepare(t, other, "nux", "polecat/nux/x")
			text, err := os.ReadFile(filepath.Join(s.Dir, ".git"))
			must(t, err)
			write(t, filepath.Join(dir, ".git"), string(text))
		},
		"a symbolic link": func(t *testing.T, _ *Rig, dir string) {
			moved := filepath.Join(t.TempDir(), "elsewhere")
			must(t, os.Rename(dir, moved))
			must(t, os.Symlink(moved, dir))
		},
	} {
		t.Run(name, func(t *testing.T) {
			url := remote(t)
			r := rig(t, url, MergeDirect)
			s := prepare(t, r, "nux", "polecat/nux/web-1")
			write(t, filepath.Join(s.Dir, "precious"), "precious\n")
			spoil(t, r, s.Dir)
			if _, err := r.Rescue(t.Context(), s, "a test"); !errors.Is(err, gitcmd.ErrNotOurs) {
				t.Errorf("rescue: %v", err)
			}
			if err := r.Remove(t.Context(), s); !errors.Is(err, gitcmd.ErrNotOurs) {
				t.Errorf("remove: %v", err)
			}
			if err := r.Usable(Polecats, "nux"); !errors.Is(err, gitcmd.ErrNotOurs) {
				t.Errorf("usable: %v", err)
			}
			again := prepare(t, r, "nux", "polecat/nux/web-2")
			if _, err := os.Lstat(filepath.Join(again.Dir, "precious")); err == nil {
				t.Error("the new sandbox has the old file")
			}
			found, _ := filepath.Glob(r.path("lost", "nux-*", "precious"))
			if len(found) != 1 {
				t.Errorf("set aside: %v", found)
			}
		})
	}
}

// What a repository configures runs nothing.
func TestNothingRuns(t *testing.T) {
	url := remote(t)
	r := rig(t, url, MergeDirect)
	mark := filepath.Join(t.TempDir(), "ran")
	script := filepath.Join(t.TempDir(), "evil")
	write(t, script, "#!/bin/sh\necho \"$0 $*\" >> "+mark+"\n")
	must(t, os.Chmod(script, 0o700))
	bare := r.path("repo.git")
	hooks := filepath.Join(bare, "hooks")
	must(t, os.MkdirAll(hooks, 0o700))
	for _, name := range []string{"post-checkout", "pre-push", "reference-transaction", "post-index-change", "pre-auto-gc", "post-rewrite", "fsmonitor-watchman"} {
		must(t, os.Symlink(script, filepath.Join(hooks, name)))
	}
	for _, key := range []string{"core.fsmonitor", "core.alternateRefsCommand", "core.editor", "core.pager", "diff.external", "gpg.program", "uploadpack.packObjectsHook"} {
		git(t, bare, "config", key, script)
	}
	git(t, bare, "config", "core.hooksPath", hooks)
	git(t, bare, "config", "commit.gpgSign", "true")
	git(t, bare, "config", "fetch.recurseSubmodules", "true")
	s := prepare(t, r, "nux", "polecat/nux/web-1")
	write(t, filepath.Join(s.Dir, "new"), "new\n")
	must(t, errors.Join(func() error { _, err := r.Unsaved(t.Context(), s); return err }()))
	if _, err := r.Rescue(t.Context(), s, "a test"); err != nil {
		t.Fatal(err)
	}
	prepare(t, r, "nux", "polecat/nux/web-2")
	must(t, r.Fetch(t.Context()))
	must(t, r.AddToPool(t.Context()))
	if _, err := r.Push(t.Context(), s, "polecat/nux/web-2", ""); err != nil {
		t.Fatal(err)
	}
	must(t, r.Remove(t.Context(), s))
	if text, err := os.ReadFile(mark); err == nil {
		t.Errorf("ran:\n%s", text)
	}
}

// Processes that want one sandbox at once get it one after the other, and each finds it
// as it should be.
func TestAtOnce(t *testing.T) {
	url := remote(t)
	r := rig(t, url, MergeDirect)
	must(t, r.AddToPool(t.Context()))
	must(t, r.AddToPool(t.Context()))
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			name := []string{"nux", "ace", "kai"}[i%3]
			if _, err := r.Prepare(t.Context(), Want{Name: name, Branch: "polecat/" + name + "/web-1", UsePool: true, Fresh: -1}); err != nil {
				t.Error(err)
			}
		}()
	}
	wg.Wait()
	names, err := r.Sandboxes(Polecats)
	if err != nil || len(names) != 3 {
		t.Errorf("%v, %v", names, err)
	}
	if trees, err := r.PoolTrees(t.Context()); err != nil || len(trees) != 0 {
		t.Errorf("the pool still has %v, %v", trees, err)
	}
	for _, name := range names {
		if got := git(t, r.path("polecats", name), "status", "--porcelain", "--branch"); got != "## polecat/"+name+"/web-1" {
			t.Errorf("%s: %s", name, got)
		}
	}
	nothingLeft(t, r)
}

// A branch that another sandbox has checked out is not taken from it.
func TestBranchInUse(t *testing.T) {
	r := rig(t, remote(t), MergeDirect)
	s := prepare(t, r, "nux", "polecat/nux/web-1")
	if _, err := r.Prepare(t.Context(), Want{Name: "ace", Branch: "polecat/nux/web-1", Fresh: -1}); !errors.Is(err, town.ErrRefused) || !strings.Contains(err.Error(), s.Dir) {
		t.Errorf("%v", err)
	}
}

// A pipe among git's files about a sandbox, which nobody writes to, keeps no other polecat
// from its own.
func TestPipeForAHead(t *testing.T) {
	r := rig(t, remote(t), MergeDirect)
	prepare(t, r, "nux", "polecat/nux/web-1")
	admins, err := r.linked()
	must(t, err)
	for _, name := range []string{"HEAD", "gitdir"} {
		must(t, os.Remove(filepath.Join(admins[0].dir, name)))
		must(t, unix.Mkfifo(filepath.Join(admins[0].dir, name), 0o600))
	}
	prepare(t, r, "ace", "polecat/ace/web-2") // it would wait until the test is ended
}

// What an agent put in the place of its sandbox does not keep the polecat from being given
// up: it is set aside, and commits that only the clone remembers are saved.
func TestAbandon(t *testing.T) {
	for name, spoil := range map[string]func(dir string){
		"a repository of its own": func(dir string) {
			must(t, os.Remove(filepath.Join(dir, ".git")))
			git(t, dir, "init", "-q")
		},
		"a file": func(dir string) {
			must(t, os.RemoveAll(dir))
			write(t, dir, "a file\n")
		},
		"nothing": func(dir string) { must(t, os.RemoveAll(dir)) },
	} {
		t.Run(name, func(t *testing.T) {
			url := remote(t)
			r := rig(t, url, MergeDirect)
			s := prepare(t, r, "nux", "polecat/nux/web-1")
			if kept, err := r.Abandon(t.Context(), "nux"); err != nil || len(kept) > 0 {
				t.Fatalf("a good sandbox was given up: %v %v", kept, err)
			}
			git(t, s.Dir, "commit", "-q", "--allow-empty", "-m", "work")
			head := git(t, s.Dir, "rev-parse", "HEAD")
			spoil(s.Dir)
			kept, err := r.Abandon(t.Context(), "nux")
			if err != nil || !held(t, url)[head] {
				t.Errorf("kept %v: %v", kept, err)
			}
			if _, err := os.Lstat(s.Dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the place is not free: %v", err)
			}
			if found, _ := filepath.Glob(r.path("lost", "nux-*")); len(kept) != 1+len(found) || (name != "nothing") != (len(found) == 1) {
				t.Errorf("kept %v, set aside %v", kept, found)
			}
			if kept, err := r.Abandon(t.Context(), "nux"); err != nil || len(kept) > 0 {
				t.Errorf("again: %v %v", kept, err)
			}
		})
	}
}

// Commits of a sandbox whose directory somebody removed are saved when its place is
// needed.
func TestDirectoryRemoved(t *testing.T) {
	url := remote(t)
	r := rig(t, url, MergeDirect)
	s := prepare(t, r, "nux", "polecat/nux/web-1")
	write(t, filepath.Join(s.Dir, "new"), "new\n")
	git(t, s.Dir, "checkout", "-q", "--detach")
	git(t, s.Dir, "add", "-A")
	git(t, s.Dir, "commit", "-q", "-m", "detached")
	head := git(t, s.Dir, "rev-parse", "HEAD")
	must(t, os.RemoveAll(s.Dir))
	again := prepare(t, r, "nux", "polecat/nux/web-2")
	if again.Rescued == "" || !held(t, url)[head] {
		t.Errorf("%+v", again)
	}
	nothingLeft(t, r)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A working tree that a person locked stays; locks that a killed git left are no
// hindrance.
func TestLocks(t *testing.T) {
	r := rig(t, remote(t), MergeDirect)
	s := prepare(t, r, "nux", "polecat/nux/web-1")
	git(t, r.path("repo.git"), "worktree", "lock", "--reason", "mine", s.Dir)
	if err := r.Remove(t.Context(), s); !errors.Is(err, town.ErrRefused) || !strings.Contains(err.Error(), "mine") {
		t.Errorf("%v", err)
	}
	git(t, r.path("repo.git"), "worktree", "unlock", s.Dir)
	gitDir := git(t, s.Dir, "rev-parse", "--absolute-git-dir")
	for _, name := range []string{"index.lock", "HEAD.lock"} {
		write(t, filepath.Join(gitDir, name), "")
	}
	for _, name := range []string{"refs/heads/polecat/nux/web-2.lock", "packed-refs.lock"} {
		lock := r.path("repo.git", name)
		write(t, lock, "")
		must(t, os.Chtimes(lock, time.Time{}, time.Now().Add(-time.Hour)))
	}
	write(t, filepath.Join(s.Dir, "new"), "new\n")
	if again := prepare(t, r, "nux", "polecat/nux/web-2"); again.Rescued == "" {
		t.Errorf("%+v", again)
	}
	must(t, r.Remove(t.Context(), s))
}
