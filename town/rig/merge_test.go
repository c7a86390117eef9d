package rig

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/town"
)

// pushed makes a branch at the rig's remote with one commit that writes a file.
func pushed(t testing.TB, r *Rig, name, file, text string) (branch, head string) {
	t.Helper()
	branch = "polecat/" + name + "/web-1"
	s := prepare(t, r, name, branch)
	write(t, filepath.Join(s.Dir, file), text)
	git(t, s.Dir, "add", "-A")
	git(t, s.Dir, "commit", "-q", "-m", name+" changes "+file)
	head, err := r.Push(t.Context(), s, branch, "")
	if err != nil {
		t.Fatal(err)
	}
	return branch, head
}

func latest(t testing.TB, r *Rig) (tip, tree string) {
	t.Helper()
	at, err := r.Latest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return at.Tip, at.Tree
}

var message = Message{Bead: "web-1", Agent: "web/polecats/nux", Branch: "polecat/nux/web-1", Target: "main", Town: "al\npha", Number: 7, At: time.Unix(1_700_000_000, 0)}

func TestMergeAndLand(t *testing.T) {
	for _, how := range []Merge{MergeDirect, MergeLocal} {
		t.Run(string(how), func(t *testing.T) {
			r := rig(t, remote(t), how)
			branch, head := pushed(t, r, "nux", "new.go", "package main\n")
			_, other := pushed(t, r, "ace", "other.go", "package main\n")
			tip, _ := latest(t, r)
			one, err := r.Merge(t.Context(), tip, head, message)
			if err != nil || one.Commit == "" || len(one.Files) > 0 {
				t.Fatalf("%+v, %v", one, err)
			}
			if again, err := r.Merge(t.Context(), tip, head, message); err != nil || again.Commit != one.Commit || again.Tree != one.Tree {
				t.Errorf("the same merge is another commit: %+v, %v", again, err)
			}
			two, err := r.Merge(t.Context(), one.Commit, other, message)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Land(t.Context(), one.Commit, two.Commit); !errors.Is(err, ErrMoved) {
				t.Errorf("landed from where the target is not: %v", err)
			}
			if err := r.Land(t.Context(), two.Commit, tip); err == nil {
				t.Error("the target was rewound")
			}
			if err := r.Land(t.Context(), tip, two.Commit); err != nil {
				t.Fatal(err)
			}
			now, tree := latest(t, r)
			if now != two.Commit || tree != two.Tree {
				t.Errorf("the target is at %s", now)
			}
			landed, err := r.Landed(t.Context(), now, []string{head, other, strings.Repeat("1", 40)})
			if err != nil || len(landed) != 2 || landed[head] != one.Commit || landed[other] != two.Commit {
				t.Errorf("%v, %v", landed, err)
			}
			if landed, err := r.Landed(t.Context(), one.Commit, []string{head, other}); err != nil || len(landed) != 1 {
				t.Errorf("%v, %v", landed, err)
			}
			text := git(t, r.path("repo.git"), "cat-file", "commit", one.Commit)
			for _, line := range []string{"Bead: web-1", "Polecat: web/polecats/nux", "Town: al pha", "Merge-Request: 7", "Signed-off-by: al pha <gt@localhost>"} {
				if !strings.Contains(text, "\n"+line+"\n") && !strings.HasSuffix(text, "\n"+line) {
					t.Errorf("%q is not in\n%s", line, text)
				}
			}
			if how == MergeLocal {
				return
			}
			if err := r.Tidy(t.Context(), branch, other); err == nil {
				t.Error("a branch that is elsewhere was removed")
			}
			if err := r.Tidy(t.Context(), branch, head); err != nil {
				t.Error(err)
			}
			if at, err := r.At(t.Context(), branch); err != nil || at != "" {
				t.Errorf("%s is still at %s, %v", branch, at, err)
			}
		})
	}
}

func TestConflictsAreNamed(t *testing.T) {
	url := remote(t)
	r := rig(t, url, MergeDirect)
	_, one := pushed(t, r, "nux", "dir/a.txt", "one\n")
	_, two := pushed(t, r, "ace", "dir/a.txt", "two\n")
	tip, _ := latest(t, r)
	first, err := r.Merge(t.Context(), tip, one, message)
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.Merge(t.Context(), first.Commit, two, message)
	if err != nil || second.Commit != "" || !slices.Equal(second.Files, []string{"dir/a.txt"}) {
		t.Fatalf("%+v, %v", second, err)
	}
	if err := r.Land(t.Context(), tip, first.Commit); err != nil {
		t.Fatal(err)
	}
	sides, err := r.Sides(t.Context(), first.Commit, two, second.Files)
	if err != nil || len(sides) != 1 || !strings.HasSuffix(sides[0], " nux changes dir/a.txt") {
		t.Errorf("%v, %v", sides, err)
	}
	// What was merged by hand as one commit merges to nothing.
	same, err := r.Merge(t.Context(), first.Commit, one, message)
	if err != nil || same.Tree != first.Tree {
		t.Errorf("%+v, %v", same, err)
	}
}

// A branch that the host protects is told as that.
func TestAProtectedBranch(t *testing.T) {
	url := remote(t)
	r := rig(t, url, MergeDirect)
	_, head := pushed(t, r, "nux", "new.go", "package main\n")
	tip, _ := latest(t, r)
	merged, err := r.Merge(t.Context(), tip, head, message)
	if err != nil {
		t.Fatal(err)
	}
	hook := filepath.Join(url, "hooks", "update")
	write(t, hook, "#!/bin/sh\ncase $1 in refs/heads/main) echo 'protected branch' >&2; exit 1;; esac\n")
	if err := os.Chmod(hook, 0o755); err != nil {
		t.Fatal(err)
	}
	err = r.Land(t.Context(), tip, merged.Commit)
	if !errors.Is(err, town.ErrRefused) || errors.Is(err, ErrMoved) || !strings.Contains(town.Next(err), "merge: pr") {
		t.Errorf("%v; %s", err, town.Next(err))
	}
}

// A working tree for checks has nothing in it but the commit, also after it was damaged.
func TestCheckTree(t *testing.T) {
	r := rig(t, remote(t), MergeDirect)
	tip, _ := latest(t, r)
	var dir string
	for i, spoil := range []func(){
		func() { write(t, filepath.Join(dir, "build", "x"), ""); write(t, filepath.Join(dir, "y.log"), "") },
		func() { write(t, filepath.Join(dir, "main.go"), "changed"); write(t, filepath.Join(dir, "z"), "") },
		func() { git(t, dir, "checkout", "-q", "-b", "elsewhere") },
		func() { git(t, dir, "sparse-checkout", "set", "--no-cone", "/none") },
		func() {
			git(t, dir, "update-index", "--assume-unchanged", "main.go")
			write(t, filepath.Join(dir, "main.go"), "changed")
		},
		func() {
			git(t, dir, "update-index", "--skip-worktree", "dir/a.txt")
			_ = os.Remove(filepath.Join(dir, "dir", "a.txt"))
		},
		func() { _ = os.Remove(filepath.Join(dir, ".git")) },
		func() { _ = os.RemoveAll(dir) },
		func() { _ = os.RemoveAll(dir); _ = os.Symlink(t.TempDir(), dir) },
		func() {},
	} {
		var err error
		if dir, err = r.CheckTree(t.Context(), tip, 0); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		if got := git(t, dir, "status", "--porcelain", "--ignored"); got != "" {
			t.Errorf("%d: the tree has\n%s", i, got)
		}
		for file, want := range map[string]string{"main.go": "package main\n", "dir/a.txt": "a\n"} {
			if text, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(text) != want {
				t.Errorf("%d: %s is %q, %v", i, file, text, err)
			}
		}
		if got := git(t, dir, "rev-parse", "HEAD"); got != tip {
			t.Errorf("%d: HEAD is %s", i, got)
		}
		spoil()
	}
	other, err := r.CheckTree(t.Context(), tip, 1)
	if err != nil || other == dir {
		t.Errorf("%s, %v", other, err)
	}
}
