package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"gastown/town"
)

func TestANewTownRoundTrips(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config", "town.yaml")
	c, other := New("harbour"), New("harbour")
	if c.Town.ID == other.Town.ID || c.Stores["ledger"] == other.Stores["ledger"] || c.Stores["ledger"] == c.Stores["operational"] {
		t.Error("two identities are equal")
	}
	if err := c.Save(path); err != nil {
		t.Fatal(err)
	}
	if got := load(t, path); !got.equal(c) {
		t.Errorf("wrote %+v, read %+v", c, got)
	}
	for path, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	// Another new Town is not written over it.
	before := read(t, path)
	if err := other.Save(path); !errors.Is(err, fs.ErrExist) || read(t, path) != before {
		t.Errorf("a Town was overwritten: %v", err)
	}
	if err := New("Not A Name").Save(filepath.Join(t.TempDir(), "town.yaml")); err == nil {
		t.Error("a bad name was written")
	}
}

// A comment between two entries belongs to neither and survives the removal of
// both.
func TestSaveLeavesWhatSomebodyElseChanged(t *testing.T) {
	path := write(t, sample)
	c := load(t, path)
	theirs := strings.Replace(sample, "64MB", "128MB", 1)
	if err := os.WriteFile(path, []byte(theirs), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Actor.Name = "Grace"
	if err := c.Save(path); !errors.Is(err, town.ErrBusy) {
		t.Errorf("saved over a change: %v", err)
	}
	if read(t, path) != theirs {
		t.Error("the change was lost")
	}
}

func TestAFailedSaveChangesNothing(t *testing.T) {
	path := write(t, sample)
	c := load(t, path)
	c.Remotes = append(c.Remotes, Remote{Name: "bad", URL: "https://a:hunter2@example.com/x"})
	if err := c.Save(path); !errors.Is(err, town.ErrRefused) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a secret was saved: %v", err)
	}
	c.Remotes = c.Remotes[:2]
	c.Actor.Email = "a@b>\n"
	if err := c.Save(path); err == nil {
		t.Error("a bad author was saved")
	}
	if read(t, path) != sample {
		t.Error("the file changed")
	}
	onlyFile(t, path)
}

func onlyFile(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the file: %v, %v", entries, err)
	}
}

func TestSaveFollowsALink(t *testing.T) {
	real, link := write(t, sample), filepath.Join(t.TempDir(), "town.yaml")
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	c := load(t, link)
	c.Actor.Name = "Grace"
	if err := c.Save(link); err != nil {
		t.Fatal(err)
	}
	if load(t, real).Actor.Name != "Grace" {
		t.Error("the file behind the link was not written")
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
}

// While many write, every reader sees one of the complete files.
func TestReadersNeverSeeHalfAFile(t *testing.T) {
	path := write(t, sample)
	const writers, rounds = 4, 25
	var wg sync.WaitGroup
	saved := make([]int, writers)
	for w := range writers {
		wg.Go(func() {
			for round := 0; round < rounds; {
				c, err := Load(path)
				if err != nil {
					t.Errorf("a reader saw: %v", err)
					return
				}
				if _, err := c.Set("agent.command", fmt.Sprintf("w%d %s", w, strings.Repeat("x", 10*round))); err != nil {
					t.Error(err)
					return
				}
				switch err := c.Save(path); {
				case err == nil:
					saved[w]++
					round++
				case errors.Is(err, town.ErrBusy): // another writer was faster
				default:
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	for w, n := range saved {
		if n != rounds {
			t.Errorf("writer %d saved %d times", w, n)
		}
	}
	if got := read(t, path); !strings.Contains(got, "# The one everybody uses.") {
		t.Errorf("a comment was lost:\n%s", got)
	}
	onlyFile(t, path)
}

// After any change, what was written can be read back, and comments stay.
func TestSaveThenLoad(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		path := filepath.Join(dir, "town.yaml")
		if err := os.WriteFile(path, []byte(sample), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			k := rapid.SampledFrom(keys).Draw(t, "key")
			if rapid.Bool().Draw(t, "unset") {
				err = c.Unset(k.Name)
			} else {
				_, err = c.Set(k.Name, anyValue(t, k))
			}
			if err != nil {
				t.Fatal(err)
			}
			c.Actor.Name = strings.TrimSpace(rapid.StringMatching(`[A-Za-z äöü#:'"{}\[\]&*!|%@,-]{0,20}`).Draw(t, "author"))
			names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9_]{1,5}|true|null|1e3|0x1f`).Filter(func(s string) bool { return town.CheckName(s) == nil }), 0, 4, rapid.ID).Draw(t, "remotes")
			c.Remotes = nil
			for _, n := range names {
				c.Remotes = append(c.Remotes, Remote{
					Name: n, URL: "/srv/" + rapid.StringMatching(`[a-z#: '"]{0,8}`).Draw(t, "path") + ".git",
					Refs: rapid.SampledFrom([]string{"", RefsBranches}).Draw(t, "refs"),
				})
			}
			if err := c.Save(path); err != nil {
				t.Fatal(err)
			}
			got, err := Load(path)
			if err != nil {
				t.Fatal(err)
			}
			if !got.equal(c) {
				t.Fatalf("wrote %+v, read %+v", c, got)
			}
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, comment := range []string{"# Harbour, our first Town.", "# never change this", "# Whoever sits at this desk.", "# The end."} {
			if strings.Count(string(data), comment) != 1 {
				t.Fatalf("%q stands %d times in\n%s", comment, strings.Count(string(data), comment), data)
			}
		}
	})
}
