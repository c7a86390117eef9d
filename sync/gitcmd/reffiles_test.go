package gitcmd

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Refs read from files are what git says, however git stores them; what only git
// understands is left to git.
func TestRefFiles(t *testing.T) {
	dir := bareRepo(t)
	s, err := OpenShared(dir, Options{Env: here()})
	if err != nil {
		t.Fatal(err)
	}
	var commits []string
	for _, text := range []string{"one", "two", "three"} {
		tree := git(t, dir, "mktree", "--missing")
		commits = append(commits, git(t, dir, "commit-tree", "-m", text, tree))
	}
	all := []string{"refs/heads/main", "refs/remotes/origin/main", "refs/heads/polecat/nux/web-1", "refs/heads/nobody"}
	agrees := func(what string) {
		t.Helper()
		want, err := s.Commits(t.Context(), all...)
		if err != nil {
			t.Fatal(err)
		}
		if ids, ok := s.RefFiles(all...); !ok || !slices.Equal(ids, want) {
			t.Errorf("%s: %q, %v; git says %q", what, ids, ok, want)
		}
	}
	agrees("empty")
	git(t, dir, "update-ref", all[0], commits[0])
	git(t, dir, "update-ref", all[2], commits[1])
	agrees("loose")
	git(t, dir, "pack-refs", "--all")
	git(t, dir, "tag", "-m", "a tag", "v1", commits[0])
	agrees("packed")
	git(t, dir, "pack-refs", "--all")
	git(t, dir, "update-ref", all[1], commits[2])
	git(t, dir, "update-ref", all[2], commits[2])
	agrees("both")
	git(t, dir, "update-ref", "-d", all[0])
	agrees("removed")

	if _, ok := s.RefFiles(commits[0]); ok {
		t.Error("an id was read as a ref")
	}
	if _, ok := s.RefFiles("refs/heads/../../config"); ok {
		t.Error("a path out of the refs was read")
	}
	file := filepath.Join(dir, filepath.FromSlash(all[2]))
	elsewhere := filepath.Join(t.TempDir(), "id")
	if err := os.WriteFile(elsewhere, []byte(commits[0]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, spoil := range map[string]func() error{
		"a symbolic ref": func() error { return os.WriteFile(file, []byte("ref: refs/heads/main\n"), 0o600) },
		"no id":          func() error { return os.WriteFile(file, []byte("soon\n"), 0o600) },
		"a link":         func() error { return os.Symlink(elsewhere, file) },
		"a directory":    func() error { return os.MkdirAll(filepath.Join(file, "deeper"), 0o700) },
		"a packed ref without an id": func() error {
			return os.WriteFile(filepath.Join(dir, "packed-refs"), []byte("soon "+all[2]+"\n"), 0o600)
		},
		"too many packed refs": func() error {
			return os.WriteFile(filepath.Join(dir, "packed-refs"), []byte(strings.Repeat("#", maxPacked+1)), 0o600)
		},
		"another storage": func() error { return os.Mkdir(filepath.Join(dir, "reftable"), 0o700) },
	} {
		if err := os.RemoveAll(file); err != nil {
			t.Fatal(err)
		}
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if ids, ok := s.RefFiles(all...); ok {
			t.Errorf("%s: read as %q", what, ids)
		}
		for _, made := range []string{filepath.Join(dir, "reftable"), filepath.Join(dir, "packed-refs")} {
			if err := os.RemoveAll(made); err != nil {
				t.Fatal(err)
			}
		}
	}
}
