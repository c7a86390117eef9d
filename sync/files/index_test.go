package files

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gastown/town"
)

func drawKey(t *rapid.T) town.Key {
	return town.Key{
		Kind: rapid.SampledFrom(town.Kinds).Draw(t, "kind"),
		Name: rapid.StringMatching(`[a-c][a-c.]{0,2}`).Draw(t, "name"),
	}
}

// An index is a map: whatever is set and deleted, it answers as one, and does
// so again after it was saved and loaded.
func TestIndexAgainstMap(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		ix, model := NewIndex(), map[town.Key]Entry{}
		ix.Head = rapid.StringN(0, 40, 255).Draw(t, "head")
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			key := drawKey(t)
			if rapid.IntRange(0, 2).Draw(t, "op") == 0 {
				ix.Delete(key)
				delete(model, key)
				continue
			}
			e := Entry{
				Size: rapid.Int64Range(0, 9).Draw(t, "size"), ModTime: rapid.Int64Max(1e18).Draw(t, "mtime"),
				ChangeTime: rapid.Int64Max(1e18).Draw(t, "ctime"), Inode: rapid.Uint64().Draw(t, "inode"),
				Content: town.DigestOf(rapid.String().Draw(t, "content")), Racy: rapid.Bool().Draw(t, "racy"),
			}
			if rapid.Bool().Draw(t, "based") {
				e.Base = town.DigestOf(rapid.String().Draw(t, "base"))
			}
			if err := ix.Set(key, e); err != nil {
				t.Fatal(err)
			}
			model[key] = e
		}
		path := filepath.Join(dir, "index")
		if err := ix.Save(path); err != nil {
			t.Fatal(err)
		}
		loaded, err := LoadIndex(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []*Index{ix, loaded} {
			if !maps.Equal(maps.Collect(got.All()), model) || got.Len() != len(model) || got.Head != ix.Head {
				t.Fatalf("index differs from model: %v, want %v", maps.Collect(got.All()), model)
			}
			for key, want := range model {
				if e, ok := got.Get(key); !ok || e != want {
					t.Fatalf("%s: %v, want %v", key, e, want)
				}
			}
		}
	})
}

// Whatever happens to the bytes, loading never succeeds with something else.
func TestIndexDamage(t *testing.T) {
	ix := NewIndex()
	ix.Head = "abc"
	for _, name := range []string{"a", "b", "c"} {
		if err := ix.Set(roleKey(name), Entry{Size: 1, Content: town.ContentDigest(name)}); err != nil {
			t.Fatal(err)
		}
	}
	good, err := ix.encode()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "index")
	load := func(b []byte) error {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := LoadIndex(path)
		return err
	}
	if err := load(good); err != nil {
		t.Fatal(err)
	}
	for n := range good {
		if err := load(good[:n]); !errors.Is(err, ErrBadIndex) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
		flipped := append([]byte(nil), good...)
		flipped[n] ^= 0x20
		if err := load(flipped); !errors.Is(err, ErrBadIndex) {
			t.Fatalf("byte %d altered: %v", n, err)
		}
	}
	if err := load(append(good, 0)); !errors.Is(err, ErrBadIndex) {
		t.Fatalf("one byte more: %v", err)
	}
	if _, err := LoadIndex(path + "-none"); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("no file: %v", err)
	}
	if _, err := LoadIndex(filepath.Dir(path)); !errors.Is(err, ErrBadIndex) {
		t.Fatalf("a directory: %v", err)
	}
}

func TestIndexSaveKeepsOld(t *testing.T) {
	dir := mount(t, "size=64k")
	path := filepath.Join(dir, "index")
	ix := NewIndex()
	ix.Head = "old"
	if err := ix.Save(path); err != nil {
		t.Fatal(err)
	}
	for w := range rows(2000) {
		if err := ix.Set(w.Key, Entry{Content: town.ContentDigest(w.Text)}); err != nil {
			t.Fatal(err)
		}
	}
	err := ix.Save(path)
	if err == nil || !strings.Contains(town.Next(err), "make room") {
		t.Fatalf("saved to a full disk: %v", err)
	}
	if got, err := LoadIndex(path); err != nil || got.Head != "old" {
		t.Fatalf("%v, %v", got, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v", entries, err)
	}
	if info, err := entries[0].Info(); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
}

func TestIndexRefuses(t *testing.T) {
	ix, good := NewIndex(), town.ContentDigest("x")
	for what, err := range map[string]error{
		"name":    ix.Set(roleKey("../x"), Entry{Content: good}),
		"kind":    ix.Set(town.Key{Kind: "spell", Name: "x"}, Entry{Content: good}),
		"content": ix.Set(roleKey("x"), Entry{}),
		"upper":   ix.Set(roleKey("x"), Entry{Content: town.Digest(strings.ToUpper(string(good)))}),
		"base":    ix.Set(roleKey("x"), Entry{Content: good, Base: "row"}),
	} {
		if err == nil {
			t.Errorf("a bad %s was accepted", what)
		}
	}
	if ix.Len() != 0 {
		t.Error("something was set")
	}
}

// The fast check of names is the same rule as the one in package town.
func TestPlainName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z0-9._-]{0,66}`)).Draw(t, "name")
		if plainName(name) != (town.CheckName(name) == nil) {
			t.Fatalf("%q", name)
		}
	})
}
