package files

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"gastown/town"
)

func drawKey(t *rapid.T) town.Key {
	return town.Key{
		Kind: rapid.SampledFrom(town.Kinds).Draw(t, "kind"),
		Name: rapid.StringMatching(`[a-c][a-c.]{0,2}`).Draw(t, "name"),
	}
}

// An index behaves like a map, whatever is set and deleted, and however often it is
// saved and loaded in between.
func TestIndexAgainstMap(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		ix, model := NewIndex(), map[town.Key]Entry{}
		path := filepath.Join(dir, "index")
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			key := drawKey(t)
			switch rapid.IntRange(0, 5).Draw(t, "op") {
			case 0, 1:
				ix.Delete(key)
				delete(model, key)
			case 2:
				line := rapid.RuneFrom(nil, unicode.L, unicode.N)
				ix.Head = rapid.StringOfN(line, 0, 40, maxHead/2).Draw(t, "head")
				ix.Tip = rapid.StringOfN(line, 0, 40, maxHead/2).Draw(t, "tip")
				saveIndex(t, ix, path)
			case 3:
				saveIndex(t, ix, path)
				ix = loadIndex(t, path)
			default:
				model[key] = drawEntry(t)
				if err := ix.Set(key, model[key]); err != nil {
					t.Fatal(err)
				}
			}
			sameIndex(t, ix, ix.commits(), model)
		}
		saveIndex(t, ix, path)
		sameIndex(t, loadIndex(t, path), ix.commits(), model)
	})
}

func drawEntry(t *rapid.T) Entry {
	e := Entry{
		Size: rapid.Int64Range(0, 9).Draw(t, "size"), ModTime: rapid.Int64Max(1e18).Draw(t, "mtime"),
		ChangeTime: rapid.Int64Max(1e18).Draw(t, "ctime"), Inode: rapid.Uint64().Draw(t, "inode"),
		Content: town.DigestOf(rapid.String().Draw(t, "content")), Racy: rapid.Bool().Draw(t, "racy"),
	}
	if rapid.Bool().Draw(t, "based") {
		e.Base = town.DigestOf(rapid.String().Draw(t, "base"))
	}
	return e
}

func saveIndex(t fataler, ix *Index, path string) {
	t.Helper()
	if err := ix.Save(path); err != nil {
		t.Fatal(err)
	}
}

func loadIndex(t fataler, path string) *Index {
	t.Helper()
	ix, err := LoadIndex(path)
	if err != nil {
		t.Fatal(err)
	}
	return ix
}

func sameIndex(t fataler, ix *Index, commits string, model map[town.Key]Entry) {
	t.Helper()
	if all := maps.Collect(ix.All()); !maps.Equal(all, model) || ix.Len() != len(model) || ix.commits() != commits {
		t.Fatalf("%d entries of %q: %v, want %q: %v", ix.Len(), ix.commits(), all, commits, model)
	}
	for key, want := range model {
		if e, ok := ix.Get(key); !ok || e != want {
			t.Fatalf("%s: %v, want %v", key, e, want)
		}
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
	if err == nil || !strings.Contains(town.Next(err), "free some space") {
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

// The fast check of names follows the rule of package town.
func TestPlainName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z0-9._-]{0,66}`)).Draw(t, "name")
		if plainName(name) != (town.CheckName(name) == nil) {
			t.Fatalf("%q", name)
		}
	})
}
