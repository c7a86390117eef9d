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

	"gastown/town"
)

// A history of saves: one whole, then two appended ones. states[i] is the index when
// the file had ends[i] bytes.
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

// Whatever happens to the bytes, loading gives the index of the last complete save, or
// none.
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
		// The index is usable: the next save leaves a complete file.
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
	// A valid change that belongs to another file.
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

// A save does not append to what another process saved meanwhile: it writes a whole
// file. So does a save to a file that grew large.
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
	// Another file of the same size as the one that was loaded.
	saveIndex(t, bigIndex(t, 1000), path)
	stale := loadIndex(t, path)
	saveIndex(t, bigIndex(t, 1000), path)
	set(stale, "a")
	saveIndex(t, stale, path)
	sameIndex(t, loadIndex(t, path), "", maps.Collect(stale.All()))
	set(mine, "d")
	saveIndex(t, mine, path)
	// Nothing changed: nothing is written.
	before := inode(t, &Tree{path: filepath.Dir(path)}, "index")
	saveIndex(t, mine, path)
	if after := inode(t, &Tree{path: filepath.Dir(path)}, "index"); after != before {
		t.Fatal("an unchanged index was written")
	}
	grown := int64(0)
	for i := 0; size() >= grown; i++ {
		grown = size()
		if grown > whole+2*defaultLogBytes || i > 1000 {
			t.Fatalf("%d bytes after %d saves", grown, i)
		}
		for n := range 100 {
			set(mine, fmt.Sprint("c", n))
		}
		saveIndex(t, mine, path)
	}
	if got := loadIndex(t, path); got.Len() != mine.Len() {
		t.Fatalf("%d entries, want %d", got.Len(), mine.Len())
	}
}
