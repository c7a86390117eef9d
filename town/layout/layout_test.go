package layout_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gastown/town"
	"gastown/town/layout"
)

func TestFindLooksUpwards(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "rigs", "gastown", "src")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := layout.Find(deep); !errors.Is(err, town.ErrUsage) || town.Next(err) == "" {
		t.Errorf("no Town above: %v", err)
	}
	here := layout.Town{Root: root}
	if err := os.MkdirAll(filepath.Dir(here.Config()), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(here.Config(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := layout.Find(deep)
	if err != nil || got != here {
		t.Errorf("found %v, %v", got, err)
	}
}

func TestEveryPathIsInTheTown(t *testing.T) {
	here := layout.Town{Root: "/towns/a"}
	private := here.Private() + "/"
	for _, p := range []string{here.Data(layout.Ledger), here.Index(), here.Lock("x"), here.Remote("origin"), here.Retired()} {
		if !strings.HasPrefix(p, private) {
			t.Errorf("%s is not below %s", p, private)
		}
	}
	for _, p := range []string{here.Config(), here.Access(), here.Files()} {
		if !strings.HasPrefix(p, here.Root+"/") || strings.HasPrefix(p, private) {
			t.Errorf("%s is not among what people see", p)
		}
	}
}

// The copy of a directory whose private directory is elsewhere has none of its own. A
// directory that was moved, or has several paths, goes on.
func TestAPrivateDirectoryBelongsToOneDirectory(t *testing.T) {
	root := t.TempDir()
	at := func(name string) layout.Town { return layout.Town{Root: filepath.Join(root, name)} }
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	elsewhere := filepath.Join(root, "elsewhere")
	do(os.MkdirAll(elsewhere, 0o700))
	for _, target := range []string{elsewhere, "../elsewhere"} {
		if err := os.Remove(filepath.Join(elsewhere, "owner")); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		for _, name := range []string{"a", "copy"} {
			do(os.RemoveAll(at(name).Root))
			do(os.MkdirAll(filepath.Dir(at(name).Config()), 0o700))
			do(os.WriteFile(at(name).Config(), nil, 0o600))
			do(os.Symlink(target, at(name).Private()))
		}
		do(os.Symlink("a", at("other-path").Root))
		do(at("a").Claim())
		do(at("a").Claim())
		do(at("other-path").Claim())
		for range 2 {
			_, err := layout.Find(at("copy").Root)
			if !errors.Is(err, town.ErrRefused) || !strings.Contains(err.Error(), at("a").Root) || town.Next(err) == "" {
				t.Errorf("%s: the copy: %v", target, err)
			}
		}
		do(at("a").Claim())
		do(os.Remove(at("other-path").Root))
		do(os.Rename(at("a").Root, at("moved").Root))
		do(at("moved").Claim())
		if err := at("copy").Claim(); !errors.Is(err, town.ErrRefused) {
			t.Errorf("%s: the copy of one that was moved: %v", target, err)
		}
		do(os.RemoveAll(at("moved").Root))
		do(at("copy").Claim())
	}
	// What is inside is copied with the directory.
	do(os.MkdirAll(filepath.Join(root, "own", ".git", "gt"), 0o700))
	do(os.Symlink(filepath.Join(".git", "gt"), at("own").Private()))
	do(at("own").Claim())
	if _, err := os.Lstat(filepath.Join(root, "own", ".git", "gt", "owner")); err == nil {
		t.Error("a note was written where none is needed")
	}
}

// A Town in a subdirectory of a repository has its private directory in that repository.
// It is found again after git clean removed the link, after the Town or the repository
// was moved, and in a copy of the repository.
func TestATownInASubdirectoryOfARepository(t *testing.T) {
	root := t.TempDir()
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	repo := filepath.Join(root, "repo")
	here := layout.Town{Root: filepath.Join(repo, "towns", "a")}
	do(os.MkdirAll(filepath.Dir(here.Config()), 0o700))
	do(os.WriteFile(here.Config(), nil, 0o600))
	do(os.MkdirAll(filepath.Join(repo, ".git"), 0o700))
	if place, ok := here.GitPlace(); ok {
		t.Fatalf("an empty directory is no repository: %s", place)
	}
	do(os.WriteFile(filepath.Join(repo, ".git", "HEAD"), nil, 0o600))
	place, ok := here.GitPlace()
	if !ok || place != filepath.Join(repo, ".git", "gt-towns", "towns", "a.gt") {
		t.Fatalf("place %s", place)
	}
	do(os.MkdirAll(filepath.Join(place, "data"), 0o700))
	do(os.WriteFile(filepath.Join(place, "data", "ledger"), []byte("dear"), 0o600))
	holds := func(at layout.Town) {
		t.Helper()
		if _, err := layout.Find(at.Root); err != nil {
			t.Errorf("%s: %v", at.Root, err)
		}
		if text, err := os.ReadFile(at.Data("ledger")); err != nil || string(text) != "dear" {
			t.Errorf("%s: %q, %v", at.Root, text, err)
		}
	}
	holds(here)
	do(os.Remove(here.Private())) // git clean
	holds(here)

	// A copy of the repository has its own.
	other := layout.Town{Root: filepath.Join(root, "copy", "towns", "a")}
	do(os.CopyFS(filepath.Join(root, "copy", ".git"), os.DirFS(filepath.Join(repo, ".git"))))
	do(os.MkdirAll(filepath.Dir(other.Config()), 0o700))
	do(os.WriteFile(other.Config(), nil, 0o600))
	link, err := os.Readlink(here.Private())
	do(err)
	do(os.Symlink(link, other.Private()))
	holds(other)
	holds(here)

	// A copy of the Town alone, at the same depth and at another, is refused.
	for _, to := range []string{"towns/b", "c"} {
		twin := layout.Town{Root: filepath.Join(repo, to)}
		do(os.MkdirAll(filepath.Dir(twin.Config()), 0o700))
		do(os.WriteFile(twin.Config(), nil, 0o600))
		do(os.Symlink(link, twin.Private()))
		if _, err := layout.Find(twin.Root); !errors.Is(err, town.ErrRefused) || town.Next(err) == "" {
			t.Errorf("%s: %v", to, err)
		}
		holds(here)
		do(os.RemoveAll(twin.Root))
	}

	// The Town is moved within the repository, and the repository with it.
	moved := layout.Town{Root: filepath.Join(repo, "deep", "er", "still")}
	do(os.MkdirAll(filepath.Dir(moved.Root), 0o700))
	do(os.Rename(here.Root, moved.Root))
	holds(moved)
	do(os.Remove(moved.Private()))
	holds(moved)
	do(os.Rename(repo, repo+"-moved"))
	holds(layout.Town{Root: filepath.Join(repo+"-moved", "deep", "er", "still")})
}
