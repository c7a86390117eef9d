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
