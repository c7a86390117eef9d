package files

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
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
// so again however often it was saved and loaded in between.
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
				ix.Head = rapid.StringN(0, 40, 255).Draw(t, "head")
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
			sameIndex(t, ix, ix.Head, model)
		}
		saveIndex(t, ix, path)
		sameIndex(t, loadIndex(t, path), ix.Head, model)
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

func sameIndex(t fataler, ix *Index, head string, model map[town.Key]Entry) {
	t.Helper()
	if all := maps.Collect(ix.All()); !maps.Equal(all, model) || ix.Len() != len(model) || ix.Head != head {
		t.Fatalf("%d entries of %q: %v, want %q: %v", ix.Len(), ix.Head, all, head, model)
	}
	for key, want := range model {
		if e, ok := ix.Get(key); !ok || e != want {
			t.Fatalf("%s: %v, want %v", key, e, want)
		}
	}
}

// A history of saves: one whole, then two that were added. states[i] is what
// the index was when the file had ends[i] bytes.
func savedTwice(t fataler, path string) (states []map[town.Key]Entry, ends []int) {
	t.Helper()
	ix := NewIndex()
	model := map[town.Key]Entry{}
	for step, names := range [][]string{{"a", "b", "c"}, {"a", "d"}, {"b"}} {
		ix.Head = strings.Repeat("x", step)
		for _, name := range names {
			e := Entry{Size: int64(step), Content: town.ContentDigest(name)}
			if err := ix.Set(roleKey(name), e); err != nil {
				t.Fatal(err)
			}
			model[roleKey(name)] = e
		}
		if step == 2 {
			ix.Delete(roleKey("c"))
			delete(model, roleKey("c"))
		}
		saveIndex(t, ix, path)
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		states, ends = append(states, maps.Clone(model)), append(ends, int(st.Size()))
	}
	return states, ends
}

// Whatever happens to the bytes, loading gives the index of the last save that
// is whole, or none: never anything else.
func TestIndexDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	states, ends := savedTwice(t, path)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(ends) || ends[2] != len(good) || ends[0] == ends[1] {
		t.Fatalf("nothing was added: %v", ends)
	}
	check := func(what string, b []byte, sound int) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		ix, err := LoadIndex(path)
		last := -1
		for i, end := range ends {
			if end <= sound {
				last = i
			}
		}
		if last < 0 {
			if !errors.Is(err, ErrBadIndex) {
				t.Fatalf("%s: %v", what, err)
			}
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		sameIndex(t, ix, strings.Repeat("x", last), states[last])
		// It is an index to go on with: the next save leaves a whole file.
		ix.Head = "next"
		saveIndex(t, ix, path)
		sameIndex(t, loadIndex(t, path), "next", states[last])
	}
	check("untouched", good, len(good))
	for n := range good {
		check(fmt.Sprint("cut to ", n), good[:n], n)
		flipped := slices.Clone(good)
		flipped[n] ^= 0x20
		check(fmt.Sprint("altered at ", n), flipped, n)
		zero := slices.Clone(good)
		clear(zero[n:])
		if zero[n] = 0; !slices.Equal(zero, good) {
			check(fmt.Sprint("zeros from ", n), zero, n+len(good[n:])-len(bytes.TrimLeft(good[n:], "\x00")))
		}
	}
	check("more bytes", append(slices.Clone(good), 1, 0, 0), len(good))
	// A change that is sound, but was made to another file.
	check("a change of another index", append(slices.Clone(good[:ends[1]]), changesOfAnother(t)...), ends[1])
	if _, err := LoadIndex(path + "-none"); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("no file: %v", err)
	}
	if _, err := LoadIndex(filepath.Dir(path)); !errors.Is(err, ErrBadIndex) {
		t.Fatalf("a directory: %v", err)
	}
}

func changesOfAnother(t fataler) []byte {
	t.Helper()
	dir, err := os.MkdirTemp("", "index")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	_, ends := savedTwice(t, filepath.Join(dir, "index"))
	b, err := os.ReadFile(filepath.Join(dir, "index"))
	if err != nil {
		t.Fatal(err)
	}
	return b[ends[1]:]
}

// What another process saved meanwhile is not added to: the last save counts,
// as a whole. And a file that grew is written anew.
func TestIndexAdds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	size := func() int64 {
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return st.Size()
	}
	set := func(ix *Index, name string) {
		if err := ix.Set(roleKey(name), Entry{Content: town.ContentDigest(name)}); err != nil {
			t.Fatal(err)
		}
	}
	ix := bigIndex(t, 1000)
	saveIndex(t, ix, path)
	whole := size()
	mine, other := loadIndex(t, path), loadIndex(t, path)
	for _, c := range []struct {
		ix   *Index
		name string
	}{{mine, "a"}, {other, "b"}, {mine, "c"}} {
		set(c.ix, c.name)
		saveIndex(t, c.ix, path)
		sameIndex(t, loadIndex(t, path), "", maps.Collect(c.ix.All()))
	}
	// Nothing changed: nothing is written.
	before := inode(t, &Tree{path: filepath.Dir(path)}, "index")
	saveIndex(t, mine, path)
	if after := inode(t, &Tree{path: filepath.Dir(path)}, "index"); after != before {
		t.Fatal("an unchanged index was written")
	}
	grown := int64(0)
	for i := 0; size() >= grown; i++ {
		grown = size()
		if set(mine, "c"); grown > whole+2*defaultLogBytes || i > 10_000 {
			t.Fatalf("%d bytes after %d saves", grown, i)
		}
		saveIndex(t, mine, path)
	}
	if got := loadIndex(t, path); got.Len() != mine.Len() {
		t.Fatalf("%d entries, want %d", got.Len(), mine.Len())
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
