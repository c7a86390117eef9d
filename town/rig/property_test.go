package rig

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gastown/sync/gitcmd"
)

// world is a sandbox with what an agent did in it.
type world struct {
	t    *testing.T
	dir  string
	n    int
	made map[string]bool // commits that were ever made
}

// text is a content that no other file has.
func (w *world) text() string { w.n++; return fmt.Sprintf("text %d\n", w.n) }

// write puts a file at a path that may be hostile, if nothing is in the way.
func (w *world) write(name, text string) {
	file := filepath.Join(w.dir, name)
	_ = os.MkdirAll(filepath.Dir(file), 0o700)
	_ = os.WriteFile(file, []byte(text), 0o600)
}

// git does what may fail: an agent does that too.
func (w *world) git(args ...string) { w.gitIn(w.dir, args...) }

func (w *world) gitIn(dir string, args ...string) {
	_, _ = try(dir, args...)
	if head, err := try(dir, "rev-parse", "HEAD"); err == nil && gitcmd.IsID(head) {
		w.made[head] = true
	}
}

var files = []string{"main.go", "dir/a.txt", "dir/b.txt", "new", "dir/new", "a b", "-dash", "back\\slash", "new\nline", "tab\t\"q\"", "ünï", "deep/er/x", "dir", "git~1", ".gitmodules"}

// steps are what an agent may do.
var steps = map[string]func(w *world, t *rapid.T){
	"write": func(w *world, t *rapid.T) { w.write(rapid.SampledFrom(files).Draw(t, "file"), w.text()) },
	"ignored": func(w *world, _ *rapid.T) {
		w.write("build/x", "ignored "+w.text())
		w.write("y.log", "ignored "+w.text())
	},
	"stage":     func(w *world, t *rapid.T) { w.git("add", "--", rapid.SampledFrom(files).Draw(t, "file")) },
	"stage all": func(w *world, _ *rapid.T) { w.git("add", "-A") },
	"commit":    func(w *world, _ *rapid.T) { w.git("commit", "-q", "-a", "-m", "work "+w.text()) },
	"amend":     func(w *world, _ *rapid.T) { w.git("commit", "-q", "--amend", "-m", "amended "+w.text()) },
	"undo":      func(w *world, _ *rapid.T) { w.git("reset", "-q", "--hard", "HEAD~1") },
	"soft":      func(w *world, _ *rapid.T) { w.git("reset", "-q", "HEAD~1") },
	"delete":    func(w *world, t *rapid.T) { os.Remove(filepath.Join(w.dir, rapid.SampledFrom(files).Draw(t, "file"))) },
	"rm": func(w *world, t *rapid.T) {
		w.git("rm", "-q", "-f", "--cached", "--", rapid.SampledFrom(files).Draw(t, "file"))
	},
	"rename": func(w *world, t *rapid.T) {
		w.git("mv", "--", rapid.SampledFrom(files).Draw(t, "from"), rapid.SampledFrom(files).Draw(t, "to"))
	},
	"mode": func(w *world, t *rapid.T) {
		os.Chmod(filepath.Join(w.dir, rapid.SampledFrom(files).Draw(t, "file")), 0o755)
	},
	"link": func(w *world, t *rapid.T) {
		os.Symlink("/etc/"+strings.TrimSpace(w.text()), filepath.Join(w.dir, rapid.SampledFrom(files).Draw(t, "file")))
	},
	"intent": func(w *world, t *rapid.T) { w.git("add", "-N", "--", rapid.SampledFrom(files).Draw(t, "file")) },
	"hide": func(w *world, t *rapid.T) {
		w.git("update-index", rapid.SampledFrom([]string{"--assume-unchanged", "--skip-worktree"}).Draw(t, "how"), rapid.SampledFrom(files).Draw(t, "file"))
	},
	"stash":  func(w *world, _ *rapid.T) { w.git("stash", "-q", "-u") },
	"pop":    func(w *world, _ *rapid.T) { w.git("stash", "pop", "-q") },
	"detach": func(w *world, _ *rapid.T) { w.git("checkout", "-q", "--detach") },
	"branch": func(w *world, t *rapid.T) {
		w.git("checkout", "-q", "-b", "side"+rapid.SampledFrom([]string{"1", "2"}).Draw(t, "branch"))
	},
	"switch": func(w *world, t *rapid.T) {
		w.git("checkout", "-q", "side"+rapid.SampledFrom([]string{"1", "2"}).Draw(t, "branch"))
	},
	"merge": func(w *world, t *rapid.T) {
		w.git("merge", "-q", "side"+rapid.SampledFrom([]string{"1", "2"}).Draw(t, "branch"))
	},
	"rebase": func(w *world, t *rapid.T) {
		w.git("rebase", "-q", "--autostash", "side"+rapid.SampledFrom([]string{"1", "2"}).Draw(t, "branch"))
	},
	"pick": func(w *world, t *rapid.T) {
		w.git("cherry-pick", "side"+rapid.SampledFrom([]string{"1", "2"}).Draw(t, "branch"))
	},
	"bisect": func(w *world, _ *rapid.T) { w.git("bisect", "start", "HEAD", "HEAD~1") },
	"lock":   func(w *world, _ *rapid.T) { w.leaveLock() },
	"inside": func(w *world, t *rapid.T) {
		dir := filepath.Join(w.dir, rapid.SampledFrom([]string{"inner", "dir"}).Draw(t, "where"))
		_ = os.MkdirAll(dir, 0o700)
		w.gitIn(dir, "init", "-q")
		_ = os.WriteFile(filepath.Join(dir, "one"), []byte(w.text()), 0o600)
		w.gitIn(dir, "add", "one")
		w.gitIn(dir, "commit", "-q", "-m", "inside "+w.text())
		_ = os.WriteFile(filepath.Join(dir, "two"), []byte(w.text()), 0o600)
	},
}

// leaveLock is what a git that was killed leaves.
func (w *world) leaveLock() {
	text, err := os.ReadFile(filepath.Join(w.dir, ".git"))
	if err == nil {
		gitDir := strings.TrimSpace(strings.TrimPrefix(string(text), "gitdir: "))
		_ = os.WriteFile(filepath.Join(gitDir, "index.lock"), nil, 0o600)
	}
}

// blobs are the contents of every file that is not ignored, and of every entry of the
// index, in a directory and the repositories inside.
func blobs(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path)
		switch {
		case err != nil:
			return err
		case d.Name() == ".git" && d.IsDir():
			return filepath.SkipDir
		case d.Name() == ".git", d.IsDir() && rel == "build", strings.HasSuffix(rel, ".log"):
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case d.Type()&os.ModeSymlink != 0:
			target, _ := os.Readlink(path)
			found[gitcmd.BlobID([]byte(target))] = rel
		case d.Type().IsRegular():
			text, _ := os.ReadFile(path)
			found[gitcmd.BlobID(text)] = rel
		}
		return nil
	})
	for _, line := range strings.Split(git(t, dir, "ls-files", "-s"), "\n") {
		if f := strings.Fields(line); len(f) > 3 && f[0] != "160000" && f[1] != emptyBlob {
			found[f[1]] = "index: " + f[3]
		}
	}
	return found
}

const emptyBlob = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"

// Whatever an agent did: after a rescue and the removal every content that was there and
// every commit that was ever made is reachable from a ref of the remote, and the rescue
// changed nothing.
func TestNothingIsLost(t *testing.T) {
	url := remote(t)
	r := rig(t, url, MergeDirect)
	kinds := []string{}
	for name := range steps {
		kinds = append(kinds, name)
	}
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		name := fmt.Sprintf("nux%d", n)
		s, err := r.Prepare(t.Context(), Want{Name: name, Branch: fmt.Sprintf("polecat/%s/web-1", name), Fresh: -1})
		if err != nil {
			rt.Fatal(err)
		}
		w := &world{t: t, dir: s.Dir, n: n * 1000, made: map[string]bool{}}
		w.git("branch", "-f", "side1")
		for _, step := range rapid.SliceOfN(rapid.SampledFrom(sorted(kinds)), 1, 14).Draw(rt, "steps") {
			steps[step](w, rt)
		}
		want := blobs(t, s.Dir)
		before := git(t, s.Dir, "status", "--porcelain=v2", "-z", "-uall", "--branch") + git(t, s.Dir, "ls-files", "-s", "-v")
		saved, err := r.Rescue(t.Context(), s, "a test")
		if err != nil {
			rt.Fatalf("rescue: %v", err)
		}
		if after := git(t, s.Dir, "status", "--porcelain=v2", "-z", "-uall", "--branch") + git(t, s.Dir, "ls-files", "-s", "-v"); after != before {
			rt.Fatalf("the rescue changed the sandbox:\n%q\n%q", before, after)
		}
		if again, err := r.Rescue(t.Context(), s, "again"); err != nil || again.Ref != "" && !again.Already {
			rt.Fatalf("a second rescue saves again: %+v, %v", again, err)
		}
		if err := r.Remove(t.Context(), s); err != nil {
			rt.Fatalf("remove after %+v: %v", saved, err)
		}
		have := held(t, url)
		for id, what := range want {
			if !have[id] {
				rt.Errorf("%q (%s) is not at the remote; rescued: %+v", what, id, saved)
			}
		}
		for id := range w.made {
			if !have[id] {
				rt.Errorf("the commit %s is not at the remote", id)
			}
		}
		nothingLeft(t, r)
		for _, b := range []string{"side1", "side2"} {
			_, _ = try(r.path("repo.git"), "branch", "-D", b)
		}
		_, _ = try(r.path("repo.git"), "stash", "clear")
	})
}
