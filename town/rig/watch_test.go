package rig

import (
	"os"
	"path/filepath"
	"testing"
)

// A branch leads when it has a commit that the target does not have; a trace changes when
// a file does, and with nothing else.
func TestLeadsAndTraces(t *testing.T) {
	for _, merge := range []Merge{MergeDirect, MergeLocal} {
		t.Run(string(merge), func(t *testing.T) {
			r := rig(t, remote(t), merge)
			branch := "polecat/nux/web-a"
			s := prepare(t, r, "nux", branch)
			leads := func() Lead {
				t.Helper()
				all, err := r.Leads(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return all[branch]
			}
			trace := func() string {
				t.Helper()
				text, err := r.Trace("nux")
				if err != nil || text == "" {
					t.Fatal(text, err)
				}
				return text
			}
			first := trace()
			if l := leads(); l != (Lead{}) {
				t.Errorf("a new branch: %+v", l)
			}
			git(t, s.Dir, "status", "--porcelain")
			if trace() != first {
				t.Error("git status changed the trace")
			}
			write(t, filepath.Join(s.Dir, "new.txt"), "x")
			second := trace()
			if second == first {
				t.Error("a new file changed nothing")
			}
			git(t, s.Dir, "add", "-A")
			git(t, s.Dir, "commit", "-q", "-m", "new")
			head := git(t, s.Dir, "rev-parse", "HEAD")
			if l := leads(); l.Head != head || l.Pushed != "" {
				t.Errorf("after a commit: %+v", l)
			}
			if merge == MergeDirect {
				git(t, s.Dir, "push", "-q", "origin", "HEAD:"+branch)
				if l := leads(); l.Head != head || l.Pushed != head {
					t.Errorf("after a push: %+v", l)
				}
				git(t, s.Dir, "push", "-q", "origin", "HEAD:main")
				if err := r.Fetch(t.Context()); err != nil {
					t.Fatal(err)
				}
				if l := leads(); l != (Lead{}) {
					t.Errorf("the target has it: %+v", l)
				}
			}
			if err := os.Remove(filepath.Join(s.Dir, "new.txt")); err != nil {
				t.Fatal(err)
			}
			if trace() == second {
				t.Error("a file that was removed changed nothing")
			}
			if err := os.Symlink("/", filepath.Join(s.Dir, "everything")); err != nil {
				t.Fatal(err)
			}
			trace()
		})
	}
	r := rig(t, remote(t), MergeDirect)
	if text, err := r.Trace("nobody"); err != nil || text != "" {
		t.Errorf("no sandbox: %q, %v", text, err)
	}
	if _, err := r.Trace("../nux"); err == nil {
		t.Error("a name that leads elsewhere")
	}
	if err := os.MkdirAll(r.path("polecats"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), r.path("polecats", "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Trace("link"); err == nil {
		t.Error("a link to elsewhere")
	}
}

// What git ignores changes no trace, wherever the pattern stands; what it does not ignore does.
func TestTracesLeaveOutWhatGitIgnores(t *testing.T) {
	r := rig(t, remote(t), MergeDirect)
	s := prepare(t, r, "nux", "polecat/nux/web-a")
	write(t, filepath.Join(s.Dir, ".gitignore"), "# output\n/bin/\n*.log\n!keep.log\n")
	for _, dir := range []string{"bin", "src", "src/deep"} {
		if err := os.MkdirAll(filepath.Join(s.Dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(s.Dir, "src", ".gitignore"), "out-*\n")
	if err := os.MkdirAll(r.path("repo.git", "info"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, r.path("repo.git", "info", "exclude"), "*.swp\n")
	trace := func() string {
		t.Helper()
		text, err := r.Trace("nux")
		if err != nil || text == "" {
			t.Fatal(text, err)
		}
		return text
	}
	for _, c := range []struct {
		file  string
		moves bool
	}{
		{"bin/tool", false}, {"test.log", false}, {"src/deep/x.log", false}, {"src/out-1", false}, {"src/deep/out-2", false}, {"src/.a.swp", false},
		{"keep.log", true}, {"out-1", true}, {"src/bin", true}, {"src/a.go", true}, {"src/deep/b.go", true},
	} {
		before := trace()
		write(t, filepath.Join(s.Dir, c.file), "x")
		if moved := trace() != before; moved != c.moves {
			t.Errorf("%s: moved %v", c.file, moved)
		}
		if ignored := git(t, s.Dir, "ls-files", "--others", "--exclude-standard", c.file) == ""; ignored == c.moves {
			t.Errorf("git ignores %s: %v", c.file, ignored)
		}
	}
	before := trace()
	if err := os.Symlink("/dev/zero", filepath.Join(s.Dir, "src", "deep", ".gitignore")); err != nil {
		t.Fatal(err)
	}
	if trace() == before {
		t.Error("a new link changed nothing")
	}
}
