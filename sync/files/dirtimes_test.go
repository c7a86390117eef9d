package files

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// counting returns a count of the directories of the tree that are listed.
func counting(tree *Tree) *int {
	n := new(int)
	tree.between = func(moment string) {
		if moment == "list" {
			*n++
		}
	}
	return n
}

// awaitSettled waits until the next name in a directory changes its times.
func awaitSettled(t fataler, tree *Tree, kind uint8) {
	t.Helper()
	d, err := tree.open(kind, false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	for {
		var st unix.Stat_t
		if err := unix.Fstat(d.fd, &st); err != nil {
			t.Fatal(err)
		}
		now, ok := fsNow(d.fd)
		if !ok {
			t.Fatal("the file system gives no time")
		}
		if !stampOf(&st).after(grainBefore(now)) {
			return
		}
	}
}

// A directory is listed once. From then on edits in place and missing files are found
// without a listing, also by the next process.
func TestScanKnowsTheNames(t *testing.T) {
	tree, ix := newTree(t), NewIndex()
	path := filepath.Join(t.TempDir(), "index")
	listed := counting(tree)
	scan := func(want string, times int) Changes {
		t.Helper()
		*listed = 0
		c := scanTree(t, tree, ix)
		expectChanges(t, c, want)
		if *listed != times {
			t.Fatalf("%d directories were listed, want %d", *listed, times)
		}
		recordAll(t, ix, c)
		saveIndex(t, ix, path)
		var err error
		if ix, err = LoadIndex(path); err != nil {
			t.Fatal(err)
		}
		return c
	}
	put(t, tree, "templates/a", "one")
	put(t, tree, "templates/b", "one")
	awaitSettled(t, tree, 2)
	scan("+template/a +template/b", 1)
	if c := scan("", 1); c.Refreshed == 0 {
		t.Fatal("the caller is not told to save the index")
	}
	scan("", 0)
	put(t, tree, "templates/a", "two")
	if c := scan("~template/a", 0); c.Files != 2 {
		t.Fatalf("%d files", c.Files)
	}

	// A new document, a new name beside a document, and one that cannot be a document.
	put(t, tree, "templates/new", "one")
	scan("+template/new", 1)
	put(t, tree, "templates/a~", "backup")
	awaitSettled(t, tree, 2)
	scan("", 1)
	scan("", 0)
	put(t, tree, "templates/X", "no name")
	awaitSettled(t, tree, 2)
	scan("!templates/X", 1)
	scan("!templates/X", 1)
	if err := os.Rename(tree.abs("templates/X"), tree.abs("templates/b")); err != nil {
		t.Fatal(err)
	}
	awaitSettled(t, tree, 2)
	scan("~template/b", 1)
	scan("", 0)
	if err := os.Remove(tree.abs("templates/a")); err != nil {
		t.Fatal(err)
	}
	awaitSettled(t, tree, 2)
	scan("-template/a", 1)
	scan("", 1)
	scan("", 0)

	// A file whose entry was deleted is found again.
	ix.Delete(templateKey("new"))
	scan("+template/new", 1)

	// Another directory of the same name.
	awaitSettled(t, tree, 2)
	scan("", 1)
	scan("", 0)
	for _, to := range [][2]string{{"templates", "former"}, {"other", "templates"}} {
		if err := os.MkdirAll(tree.abs("other"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(tree.abs(to[0]), tree.abs(to[1])); err != nil {
			t.Fatal(err)
		}
	}
	scan("-template/b -template/new", 1)
}

// A listing may lack a name that was added while it was made.
func TestScanListsAgainAfterALateName(t *testing.T) {
	tree, ix := newTree(t), NewIndex()
	put(t, tree, "templates/a", "one")
	awaitSettled(t, tree, 2)
	recordAll(t, ix, scanTree(t, tree, ix))
	tree.between = func(moment string) {
		if moment == "list" {
			put(t, tree, "templates/late~", "not a document, so that all documents are known")
		}
	}
	if c := scanTree(t, tree, ix); c.Refreshed == 0 {
		t.Fatal("the directory was not remembered")
	}
	listed := counting(tree)
	if scanTree(t, tree, ix); *listed != 1 {
		t.Fatalf("%d directories were listed", *listed)
	}
}

// Whatever happens to the files, a Scan that uses the times of directories reports the
// same as one that does not.
func TestScanIsTheSameWithAndWithoutListing(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		base, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			r.Fatal(err)
		}
		tree, ix := openTree(r, base), NewIndex()
		defer tree.Close()
		listed := counting(tree)
		put(r, tree, "templates/a", "0")
		saved := filepath.Join(t.TempDir(), "index")
		name := func() string {
			return "templates/" + rapid.SampledFrom([]string{"a", "b", "c", "d", "B", "a~", ".hidden"}).Draw(r, "name")
		}
		for i := range rapid.IntRange(4, 16).Draw(r, "steps") {
			text := fmt.Sprint(i)
			switch rapid.IntRange(0, 7).Draw(r, "what") {
			case 0:
				put(r, tree, name(), text)
			case 1: // as editors do
				put(r, tree, "templates/.new", text)
				_ = os.Rename(tree.abs("templates/.new"), tree.abs(name()))
			case 2:
				_ = os.Remove(tree.abs(name()))
			case 3:
				_ = os.Rename(tree.abs(name()), tree.abs(name()))
			case 4:
				ix.Delete(templateKey(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "entry")))
			default:
				awaitSettled(r, tree, 2)
				*listed = 0
				saveIndex(r, ix, saved)
				other, err := LoadIndex(saved)
				if err != nil {
					r.Fatal(err)
				}
				other.dirTimes = [len(kinds)]stamp{}
				c := scanTree(r, tree, ix)
				want, err := tree.Scan(context.Background(), other)
				if err != nil {
					r.Fatal(err)
				}
				if expectChanges(r, c, show(want)); c.Files != want.Files {
					r.Fatalf("%d files, want %d", c.Files, want.Files)
				}
				if rapid.Bool().Draw(r, "take over") {
					recordAll(r, ix, c)
				}
			}
		}
		_ = os.Remove(tree.abs("templates/B"))
		awaitSettled(r, tree, 2)
		for range 3 { // record the files, then the directory, then use it
			*listed = 0
			recordAll(r, ix, scanTree(r, tree, ix))
		}
		if *listed != 0 {
			r.Fatal("the directory is still listed")
		}
	})
}
