package files

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gastown/town"
)

func TestScan(t *testing.T) {
	tree, ix := newTree(t), NewIndex()
	expectChanges(t, scanTree(t, tree, ix), "")
	put(t, tree, "roles/a.md", roleText("a"))
	put(t, tree, "roles/b.md", roleText("b"))
	put(t, tree, "formulas/ship.formula.toml", goodFormula)
	put(t, tree, "templates/t", "t")
	for _, ignored := range []string{"roles/.a.md.swp", "roles/a.md~", "roles/#a.md#", "templates/.git"} {
		put(t, tree, ignored, "x")
	}
	c := scanTree(t, tree, ix)
	expectChanges(t, c, "+formula/ship +role/a +role/b +template/t")
	if c.Added[2].Meta.Version != "1.2.0-rc.1" || c.Added[0].Content != town.ContentDigest(roleText("a")) || c.Added[0].Base != "" {
		t.Fatalf("%+v", c.Added)
	}
	recordAll(t, ix, c)
	expectChanges(t, scanTree(t, tree, ix), "")

	put(t, tree, "roles/a.md", roleText("A"))
	put(t, tree, "formulas/ship.formula.toml", "nonsense")
	if err := os.Remove(tree.abs("roles/b.md")); err != nil {
		t.Fatal(err)
	}
	c = scanTree(t, tree, ix)
	expectChanges(t, c, "!formulas/ship.formula.toml -role/b ~role/a")
	if want := town.DigestOf("row", roleText("a")); c.Modified[0].Base != want || c.Modified[0].Text != roleText("A") {
		t.Fatalf("%+v", c.Modified[0])
	}
	if _, ok := errors.AsType[*SyntaxError](c.Invalid[0].Err); !ok {
		t.Fatalf("%v", c.Invalid[0].Err)
	}
	recordAll(t, ix, c)
	expectChanges(t, scanTree(t, tree, ix), "!formulas/ship.formula.toml")

	if err := os.RemoveAll(tree.abs("roles")); err != nil {
		t.Fatal(err)
	}
	expectChanges(t, scanTree(t, tree, ix), "!formulas/ship.formula.toml -role/a")
}

// Scan opens only regular files of at most 1 MiB. Another kind of file in the place of
// a document does not count as a deletion.
func TestScanHostile(t *testing.T) {
	tree, ix := newTree(t), NewIndex()
	for _, name := range []string{"link", "pipe", "dir", "big", "latin"} {
		put(t, tree, "templates/"+name, "x")
	}
	put(t, tree, "templates/stays", "x")
	recordAll(t, ix, scanTree(t, tree, ix))
	path := func(name string) string { return tree.abs("templates/" + name) }
	for _, name := range []string{"link", "pipe", "dir"} {
		if err := os.Remove(path(name)); err != nil {
			t.Fatal(err)
		}
	}
	secret := filepath.Join(t.TempDir(), "secret")
	steps := []error{
		os.WriteFile(secret, []byte("x"), 0o600),
		os.Symlink(secret, path("link")),
		os.Symlink("nowhere", path("dangling")),
		syscall.Mkfifo(path("pipe"), 0o644),
		os.Mkdir(path("dir"), 0o755),
		os.Truncate(path("big"), 1<<30),
		os.WriteFile(path("latin"), []byte("caf\xe9"), 0o644),
		os.WriteFile(path("README"), nil, 0o644),
		os.WriteFile(path("new\nline"), nil, 0o644),
		os.Symlink(filepath.Dir(secret), tree.abs("roles")),
		os.WriteFile(tree.abs("formulas"), nil, 0o644),
	}
	if err := errors.Join(steps...); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	c := scanTree(t, tree, ix)
	if d := time.Since(begin); d > 2*time.Minute {
		t.Errorf("took %v", d)
	}
	expectChanges(t, c, "!formulas !roles !templates/README !templates/big !templates/dangling !templates/dir "+
		"!templates/latin !templates/link !templates/new\nline !templates/pipe")
	for i, want := range []string{"not a directory", "not a directory", "not allowed", "1073741824 bytes", "symbolic link", "a directory", "UTF-8", "symbolic link", "not allowed", "named pipe"} {
		if got := c.Invalid[i].Err.Error(); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %q in it", c.Invalid[i].Path, got, want)
		}
	}
}

// Scan sees an edit that leaves the size and every time that a program can set: the
// change time differs, which no program can set.
func TestScanSeesForgedTimes(t *testing.T) {
	tree, ix := newTree(t), NewIndex()
	put(t, tree, "templates/a", "one")
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(tree.abs("templates/a"), old, old); err != nil {
		t.Fatal(err)
	}
	recordAll(t, ix, scanTree(t, tree, ix))
	awaitOld(t, tree, ix)
	put(t, tree, "templates/a", "two")
	if err := os.Chtimes(tree.abs("templates/a"), old, old); err != nil {
		t.Fatal(err)
	}
	expectChanges(t, scanTree(t, tree, ix), "~template/a")
}

// awaitOld scans until no entry is racy.
func awaitOld(t fataler, tree *Tree, ix *Index) {
	t.Helper()
	for begin := time.Now(); ; {
		racy := false
		for _, e := range ix.All() {
			racy = racy || e.Racy
		}
		if !racy {
			return
		}
		if time.Since(begin) > 2*time.Minute {
			t.Fatal("an entry stays racy")
		}
		expectChanges(t, scanTree(t, tree, ix), "")
	}
}

// Edits of equal size follow each other as fast as possible. Scan must see every one,
// also when the file system's clock did not tick between reading and edit.
func TestScanRacyEdits(t *testing.T) {
	for name, path := range map[string]string{"disk": t.TempDir(), "tmpfs": mount(t, "size=4m")} {
		t.Run(name, func(t *testing.T) {
			tree, ix := openTree(t, path), NewIndex()
			defer tree.Close()
			put(t, tree, "templates/a", "0000")
			recordAll(t, ix, scanTree(t, tree, ix))
			same := 0
			for i := range 300 {
				before := inode(t, tree, "templates/a")
				put(t, tree, "templates/a", string([]byte{'1' + byte(i%2), '0', '0', '0'}))
				if inode(t, tree, "templates/a") == before {
					same++
				}
				c := scanTree(t, tree, ix)
				expectChanges(t, c, "~template/a")
				recordAll(t, ix, c)
			}
			t.Logf("%d of 300 edits left no trace in the inode", same)
		})
	}
}

// TestScanRacyEdits with a clock so coarse that an edit changes nothing in the inode.
// Present kernels have finer clocks, so the test alters the Index instead.
func TestScanRereadsRacy(t *testing.T) {
	tree, ix := newTree(t), NewIndex()
	for try := 0; ; try++ {
		put(t, tree, "templates/a", "one")
		recordAll(t, ix, scanTree(t, tree, ix))
		if e, _ := ix.Get(templateKey("a")); e.Racy {
			break
		}
		if try == 100 {
			t.Fatal("a file read right after it was written is not racy")
		}
		put(t, tree, "templates/a", "two")
		recordAll(t, ix, scanTree(t, tree, ix))
	}
	put(t, tree, "templates/a", "two")
	alter(ix, func(r *record) { r.stamp = inode(t, tree, "templates/a") })
	expectChanges(t, scanTree(t, tree, ix), "~template/a")
	// A file with a time in the future is racy too.
	future := time.Now().Add(time.Hour)
	if err := os.Chtimes(tree.abs("templates/a"), future, future); err != nil {
		t.Fatal(err)
	}
	recordAll(t, ix, scanTree(t, tree, ix))
	if e, _ := ix.Get(templateKey("a")); !e.Racy {
		t.Fatal("a file of tomorrow is not racy")
	}
}

// A file that changed within the clock's grain before the index was saved is racy when
// the index is loaded, whether it was written whole or appended to.
func TestLoadMarksRacy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	for _, round := range []string{"whole", "added"} {
		ix := NewIndex()
		if round == "added" {
			var err error
			if ix, err = LoadIndex(path); err != nil {
				t.Fatal(err)
			}
		}
		for name, before := range map[string]time.Duration{"young": 0, "old": time.Hour, "later": -time.Hour} {
			e := Entry{ChangeTime: time.Now().Add(-before).UnixNano(), Content: town.ContentDigest(name)}
			if err := ix.Set(templateKey(round+name), e); err != nil {
				t.Fatal(err)
			}
		}
		if err := ix.Save(path); err != nil {
			t.Fatal(err)
		}
		loaded, err := LoadIndex(path)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]bool{"young": true, "old": false, "later": true} {
			if e, ok := loaded.Get(templateKey(round + name)); !ok || e.Racy != want {
				t.Errorf("%s, %s: racy %v", round, name, e.Racy)
			}
		}
	}
	// Whole seconds mean a coarse clock.
	if got := time.Duration(5e9 - grainBefore(5e9)); got != defaultCoarseGrain {
		t.Errorf("grain %v", got)
	}
}

func inode(t fataler, tree *Tree, path string) stamp {
	t.Helper()
	st, err := lstat(unix.AT_FDCWD, tree.abs(path))
	if err != nil {
		t.Fatal(err)
	}
	return stampOf(&st)
}

// Scan does not read files that did not change: here it would find another text.
func TestScanTrustsStamp(t *testing.T) {
	tree, ix := newTree(t), NewIndex()
	put(t, tree, "templates/a", "one")
	recordAll(t, ix, scanTree(t, tree, ix))
	age(ix)
	alter(ix, func(r *record) { r.content = [32]byte{} })
	expectChanges(t, scanTree(t, tree, ix), "")
}

// Touching a file is not an edit; the Index records the new times.
func TestScanRefreshes(t *testing.T) {
	tree, ix := newTree(t), NewIndex()
	put(t, tree, "templates/a", "one")
	recordAll(t, ix, scanTree(t, tree, ix))
	awaitOld(t, tree, ix)
	awaitSettled(t, tree, 2)
	scanTree(t, tree, ix) // records the times of the directory
	put(t, tree, "templates/a", "one")
	c := scanTree(t, tree, ix)
	if expectChanges(t, c, ""); c.Refreshed != 1 {
		t.Fatalf("%+v", c)
	}
	if e, _ := ix.Get(templateKey("a")); e.Base != town.DigestOf("row", "one") {
		t.Fatal("the base was lost")
	}
}

// A file that somebody is writing to is busy, not edited.
func TestScanBusy(t *testing.T) {
	tree, ix := newTree(t), NewIndex()
	put(t, tree, "templates/a", "one")
	f, err := os.OpenFile(tree.abs("templates/a"), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := scanTree(t, tree, ix)
	if expectChanges(t, c, "!templates/a"); !errors.Is(c.Invalid[0].Err, town.ErrBusy) {
		t.Fatal(c.Invalid[0].Err)
	}
	if _, err := f.WriteString("two"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	expectChanges(t, scanTree(t, tree, ix), "+template/a")
}

// A file that another process still has open for a moment is waited for: the edit is
// found at once. Where many files are open, a scan does not wait for each of them.
func TestScanWaitsForAWriter(t *testing.T) {
	tree, ix := newTree(t), NewIndex()
	put(t, tree, "templates/a", "one")
	f, err := os.OpenFile(tree.abs("templates/a"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	tries := 0
	tree.between = func(moment string) {
		if moment != "busy" {
			return
		}
		if tries++; tries == 6 {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if expectChanges(t, scanTree(t, tree, ix), "+template/a"); tries != 6 {
		t.Errorf("%d pauses", tries)
	}

	if f, err = os.OpenFile(tree.abs("templates/a"), os.O_WRONLY, 0); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := tree.open(uint8(slices.Index(kinds[:], town.KindTemplate)), false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	d.paused.Store(int64(defaultPatience))
	tries = 10
	if _, _, err := d.read(t.Context(), "a"); !errors.Is(err, errWriting) || tries != 10+defaultFewTries-1 {
		t.Errorf("%d pauses, %v", tries-10, err)
	}
}

func TestScanSeesManyNames(t *testing.T) {
	tree, ix := newTree(t), NewIndex()
	const n = 3000 // several batches of names
	for w := range rows(n) {
		put(t, tree, w.Path(), w.Text)
	}
	c := scanTree(t, tree, ix)
	if len(c.Added) != n || c.Files != n {
		t.Fatalf("%d added, %d files", len(c.Added), c.Files)
	}
	recordAll(t, ix, c)
	expectChanges(t, scanTree(t, tree, ix), "")
}

func TestOpenRefusesLink(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(link); err == nil || bytes.Contains([]byte(err.Error()), []byte("<nil>")) {
		t.Fatalf("opened a link: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) || town.Next(err) == "" {
		t.Fatalf("opened nothing: %v", err)
	}
}
