package gitcmd

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// work makes a repository with two commits; sub/f differs between them.
func work(t *testing.T) (dir string, first, second string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, `it's a "dir"`)
	git(t, "/", "init", "-q", "-b", "main", dir)
	for i, text := range []string{"one", "two"} {
		if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "sub", "f"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		git(t, dir, "add", ".")
		git(t, dir, "commit", "-q", "-m", text)
		if id := git(t, dir, "rev-parse", "HEAD"); i == 0 {
			first = id
		} else {
			second = id
		}
	}
	return dir, first, second
}

func TestLocate(t *testing.T) {
	dir, _, _ := work(t)
	where := func(from string) Place {
		t.Helper()
		p, err := Locate(t.Context(), from, Options{Env: here()})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	// The environment of a hook has no effect.
	t.Setenv("GIT_DIR", "/nowhere")
	t.Setenv("GIT_WORK_TREE", "/nowhere")
	if p := where(filepath.Join(dir, "sub")); p.Top != dir || p.GitDir != dir+"/.git" || p.CommonDir != p.GitDir ||
		p.Hooks != dir+"/.git/hooks" || p.HooksPath != "" {
		t.Errorf("%+v", p)
	}
	tree := dir + "-linked"
	os.Unsetenv("GIT_DIR")
	os.Unsetenv("GIT_WORK_TREE")
	git(t, dir, "worktree", "add", "-q", "-b", "linked", tree)
	if p := where(tree); p.Top != tree || p.CommonDir != dir+"/.git" || p.Hooks != dir+"/.git/hooks" ||
		!strings.HasPrefix(p.GitDir, dir+"/.git/worktrees/") {
		t.Errorf("%+v", p)
	}
	git(t, dir, "config", "core.hooksPath", ".husky/_")
	if p := where(filepath.Join(dir, "sub")); p.Hooks != dir+"/.husky/_" || p.HooksPath != ".husky/_" {
		t.Errorf("%+v", p)
	}
	bare, err := filepath.EvalSymlinks(bareRepo(t))
	if err != nil {
		t.Fatal(err)
	}
	if p := where(bare); p.Top != "" || p.GitDir != bare || p.Hooks != bare+"/hooks" {
		t.Errorf("%+v", p)
	}
	for _, none := range []string{t.TempDir(), "/nowhere", filepath.Join(dir, "sub", "f")} {
		if _, err := Locate(t.Context(), none, Options{Env: here()}); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", none, err)
		}
	}
}

func TestPlaceLooksIntoCommits(t *testing.T) {
	dir, first, second := work(t)
	p := PlaceOf(filepath.Join(dir, ".git"), Options{Env: here()})
	for revision, want := range map[string]string{"HEAD": second, "HEAD~1": first, "HEAD~2": "", "HEAD@{1}": first,
		"HEAD@{7}": "", "nothing": "", "--all": ""} {
		if got, err := p.Resolve(t.Context(), revision); err != nil || got != want {
			t.Errorf("%s is %q, %v", revision, got, err)
		}
	}
	ids, err := p.Objects(t.Context(), [][2]string{{first, "sub"}, {"", "sub"}, {second, "sub"}, {second, "other"},
		{strings.Repeat("0", 40), "sub"}, {second, ""}})
	if err != nil || len(ids) != 6 {
		t.Fatalf("%v, %v", ids, err)
	}
	if ids[0] == "" || ids[2] == "" || ids[0] == ids[2] || ids[1]+ids[3]+ids[4] != "" || ids[5] == "" {
		t.Errorf("%q", ids)
	}
	many := make([][2]string, 5000) // more than a pipe holds
	for i := range many {
		many[i] = [2]string{first, "sub"}
	}
	if all, err := p.Objects(t.Context(), many); err != nil || all[4999] != ids[0] {
		t.Errorf("many: %v", err)
	}
	if _, err := p.Objects(t.Context(), [][2]string{{"HEAD", "x"}}); err == nil {
		t.Error("a name was taken for an id")
	}
	if _, err := p.Objects(t.Context(), [][2]string{{first, "a\nb"}}); err == nil {
		t.Error("a line end was sent to git")
	}
	if _, err := PlaceOf(t.TempDir(), Options{Env: here()}).Objects(t.Context(), many); err == nil {
		t.Error("no repository, and no error")
	}
}

func TestTracked(t *testing.T) {
	dir, _, _ := work(t)
	for name, text := range map[string]string{"a/f": "x", ".gitignore": "/b/\n", "b/f": "x"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := Locate(t.Context(), dir, Options{Env: here()})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"a": true, "b": false, "sub": true, "none": false} {
		if got, err := p.Tracked(t.Context(), filepath.Join(dir, name)); err != nil || got != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
