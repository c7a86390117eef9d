package files

import (
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gastown/town"
)

// An editor may remove a file before it puts the new one in its place. A file that is
// missing for that long was not deleted.
func TestScanConfirmsWhatIsMissing(t *testing.T) {
	tree, ix := newTree(t), NewIndex()
	put(t, tree, "templates/a", "one")
	put(t, tree, "templates/b", "one")
	recordAll(t, ix, scanTree(t, tree, ix))
	if err := os.Remove(tree.abs("templates/a")); err != nil {
		t.Fatal(err)
	}
	awaitSettled(t, tree, 2)
	for range 2 {
		expectChanges(t, scanTree(t, tree, ix), "-template/a")
	}
	tree.between = func(moment string) {
		switch moment {
		case "list":
			t.Error("the names were listed")
		case "confirm":
			put(t, tree, "templates/a", "two")
		}
	}
	expectChanges(t, scanTree(t, tree, ix), "~template/a")
}

// An entry of the index file whose name cannot be a document's is ignored, so nothing
// outside of the directory is examined.
func TestScanStaysInTheDirectory(t *testing.T) {
	tree, ix := newTree(t), NewIndex()
	path := filepath.Join(t.TempDir(), "index")
	put(t, tree, "templates/a", "one")
	put(t, tree, "outside", "not a document")
	recordAll(t, ix, scanTree(t, tree, ix))
	for _, name := range []string{"../outside", "../none", "", "A"} {
		ix.put(record{name: name, kind: 2})
	}
	saveIndex(t, ix, path)
	ix = loadIndex(t, path)
	awaitSettled(t, tree, 2)
	for range 3 {
		expectChanges(t, scanTree(t, tree, ix), "")
	}
	for key := range ix.All() {
		if err := town.CheckName(key.Name); err != nil {
			t.Error(err)
		}
	}
}

// The mtime of an overlay's directory does not change when its lower layer gets a name.
func TestScanListsOverlays(t *testing.T) {
	base, merged := mount(t, ""), t.TempDir()
	dirs := map[string]string{}
	for _, name := range []string{"lower", "upper", "work"} {
		dirs[name] = filepath.Join(base, name)
		for _, dir := range []string{dirs[name], filepath.Join(dirs[name], "templates")} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Remove(filepath.Join(dirs["work"], "templates")); err != nil {
		t.Fatal(err)
	}
	options := "lowerdir=" + dirs["lower"] + ",upperdir=" + dirs["upper"] + ",workdir=" + dirs["work"]
	ix := NewIndex()
	with := func(do func(*Tree)) {
		t.Helper()
		if err := unix.Mount("overlay", merged, "overlay", 0, options); err != nil {
			t.Fatalf("this test mounts an overlay and needs to run as root: %v", err)
		}
		tree := openTree(t, merged)
		defer func() {
			if err := errors.Join(tree.Close(), unix.Unmount(merged, 0)); err != nil {
				t.Error(err)
			}
		}()
		do(tree)
	}
	with(func(tree *Tree) {
		put(t, tree, "templates/a", "one")
		awaitSettled(t, tree, 2)
		for range 3 {
			recordAll(t, ix, scanTree(t, tree, ix))
		}
	})
	if err := os.WriteFile(filepath.Join(dirs["lower"], "templates", "b"), []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	with(func(tree *Tree) { expectChanges(t, scanTree(t, tree, ix), "+template/b") })
}

// Two names added within one second leave the same time where times have no fractions.
func TestWholeSecondsTellNothing(t *testing.T) {
	second := int64(time.Second)
	if (stamp{ctime: 5 * second}).hasFractions() || !(stamp{ctime: 5*second + 1}).hasFractions() {
		t.Error("the times of a directory")
	}
}

// undated turns an index file, with its changes, into the format without the times of
// directories.
func undated(whole, added []byte) []byte {
	sums := indexPrefix + 4 // of one block
	body := append([]byte{whole[sums] - byte(dirTimesBytes)}, whole[sums+1+dirTimesBytes:]...)
	b := append(whole[:sums:sums], body...)
	le.PutUint32(b[len(indexMagic):], undatedFormat)
	le.PutUint64(b[prefixSum+4:], uint64(len(body)))
	le.PutUint32(b[indexPrefix:], crc32.Checksum(body, castagnoli))
	le.PutUint32(b[prefixSum:], crc32.Checksum(b[prefixSum+4:sums], castagnoli))

	change := append(make([]byte, changeHead), added[changeHead]-byte(dirTimesBytes))
	change = append(change, added[changeHead+1+dirTimesBytes:]...)
	le.PutUint32(change, uint32(len(change)-changeHead))
	le.PutUint32(change[4:], changeSum(b[:indexPrefix], change))
	return append(b, change...)
}

// An index of the former format is read, because nothing else says that somebody
// removed a document. The next save writes the present format.
func TestIndexOfTheFormatBefore(t *testing.T) {
	tree, ix := newTree(t), NewIndex()
	path := filepath.Join(t.TempDir(), "index")
	put(t, tree, "templates/a", "one")
	put(t, tree, "templates/b", "one")
	recordAll(t, ix, scanTree(t, tree, ix))
	ix.Head = "first"
	saveIndex(t, ix, path)
	size, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	put(t, tree, "templates/c", "one")
	recordAll(t, ix, scanTree(t, tree, ix))
	ix.Head = "second"
	saveIndex(t, ix, path)
	b, err := os.ReadFile(path)
	if err != nil || len(b) == int(size.Size()) {
		t.Fatalf("nothing was added: %v", err)
	}
	if err := os.WriteFile(path, undated(b[:size.Size()], b[size.Size():]), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"b", "c"} {
		if err := os.Remove(tree.abs("templates/" + name)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if ix = loadIndex(t, path); ix.Head != "second" || ix.Len() != 3 {
			t.Fatalf("head %q, %d entries", ix.Head, ix.Len())
		}
		expectChanges(t, scanTree(t, tree, ix), "-template/b -template/c")
		ix.Delete(templateKey("none"))
		ix.Head = "third"
		saveIndex(t, ix, path)
		ix.Head = "second"
		saveIndex(t, ix, path)
		b, err := os.ReadFile(path)
		if err != nil || formatOf(b) != indexFormat {
			t.Fatalf("format %d, %v", formatOf(b), err)
		}
	}
}
