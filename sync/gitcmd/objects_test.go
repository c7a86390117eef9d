package gitcmd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func TestReadBackWhatWasWritten(t *testing.T) {
	r := open(t, Options{})
	imp := r.Import(t.Context())
	defer imp.Discard()
	contents := []string{"", "x", "done\nblob\n", strings.Repeat("\x00long\n", 1<<18)}
	var entries []Entry
	for i, c := range contents {
		id, err := imp.Blob(int64(len(c)), iotest.OneByteReader(strings.NewReader(c)))
		if err != nil {
			t.Fatal(err)
		}
		if id != BlobID([]byte(c)) {
			t.Fatalf("blob %d has id %s, computed %s", i, id, BlobID([]byte(c)))
		}
		entries = append(entries, Entry{ModeFile, "dir/" + string(rune('a'+i)), id})
	}
	c1, err := imp.Commit(CommitSpec{Ref: "refs/gt/x", Message: "hello <there>\n\ndata 3\n", AuthorName: "Eve <x>\nfrom", Entries: entries})
	if err != nil {
		t.Fatal(err)
	}
	sub, err := imp.Subtree(c1, "dir")
	if err != nil {
		t.Fatal(err)
	}
	if err := imp.Close(); err != nil {
		t.Fatal(err)
	}
	imp = r.Import(t.Context())
	defer imp.Discard()
	c2, err := imp.Commit(CommitSpec{Ref: "refs/gt/y", Parent: c1, Message: "second", Entries: []Entry{{ModeTree, "again", sub}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := imp.Close(); err != nil {
		t.Fatal(err)
	}
	if err := imp.Close(); err != nil {
		t.Fatal(err)
	}
	before := Processes()
	o := r.Objects(t.Context())
	c, err := o.Commit(c2)
	if err != nil || len(c.Parents) != 1 || c.Parents[0] != c1 || c.Message != "second" {
		t.Fatalf("%+v, %v", c, err)
	}
	root, err := o.Tree(c.Tree, 1<<20)
	if err != nil || len(root) != 1 || root[0] != (Entry{ModeTree, "again", sub}) {
		t.Fatalf("%+v, %v", root, err)
	}
	dir, err := o.Tree(sub, 1<<20)
	if err != nil || len(dir) != len(contents) {
		t.Fatalf("%+v, %v", dir, err)
	}
	for i, e := range dir {
		var b bytes.Buffer
		if n, err := o.Copy(&b, e.ID, 1<<30); err != nil || b.String() != contents[i] || n != int64(len(contents[i])) {
			t.Fatalf("blob %d: %d bytes, %v", i, n, err)
		}
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if n := Processes() - before; n != 1 {
		t.Errorf("%d processes", n)
	}
	git(t, r.Dir, "fsck", "--strict")
}

func TestLimitsAreCheckedBeforeReading(t *testing.T) {
	r := open(t, Options{})
	big := strings.Repeat("x", 10<<20)
	c := commitOf(t, r, "", big)
	blob := BlobID([]byte(big))
	for name, do := range map[string]func(o *Objects) error{
		"blob too large": func(o *Objects) error { _, err := o.Blob(blob, 1000); return err },
		"copy too large": func(o *Objects) error { _, err := o.Copy(io.Discard, blob, 1000); return err },
		"tree too large": func(o *Objects) error {
			cc, err := o.Commit(c)
			if err != nil {
				return err
			}
			_, err = o.Tree(cc.Tree, 3)
			return err
		},
	} {
		o := r.Objects(t.Context())
		if err := do(o); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
		if err := o.Close(); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: Close forgot: %v", name, err)
		}
	}
	o := r.Objects(t.Context())
	if _, err := o.Blob(strings.Repeat("1", 40), 10); !errors.Is(err, ErrCorrupt) {
		t.Errorf("missing object: %v", err)
	}
	if _, err := o.Commit(c); err != nil {
		t.Errorf("after a missing object: %v", err)
	}
	if _, err := o.Commit(blob); !errors.Is(err, ErrCorrupt) {
		t.Errorf("wrong type: %v", err)
	}
	o = r.Objects(t.Context())
	if _, err := o.Blob("HEAD\n--help", 10); err == nil {
		t.Error("took a name that is no id")
	}
	disk := errors.New("disk says no")
	o = r.Objects(t.Context())
	if _, err := o.Copy(iotestWriter{disk}, blob, 1<<30); !errors.Is(err, disk) || errors.Is(err, ErrCorrupt) {
		t.Errorf("failing writer: %v", err)
	}
}

type iotestWriter struct{ err error }

func (w iotestWriter) Write([]byte) (int, error) { return 0, w.err }

func TestImportFailures(t *testing.T) {
	r := open(t, Options{})
	bad := errors.New("cannot read the table file")
	imp := r.Import(t.Context())
	if _, err := imp.Blob(10, iotest.ErrReader(bad)); !errors.Is(err, bad) {
		t.Errorf("%v", err)
	}
	if err := imp.Close(); !errors.Is(err, bad) {
		t.Errorf("Close forgot: %v", err)
	}
	imp = r.Import(t.Context())
	if _, err := imp.Blob(10, strings.NewReader("short")); err == nil {
		t.Error("took less than announced")
	}
	for _, e := range []Entry{{ModeFile, "../x", strings.Repeat("1", 40)}, {ModeFile, "a b", strings.Repeat("1", 40)},
		{ModeFile, "a\nM", strings.Repeat("1", 40)}, {"120000", "a", strings.Repeat("1", 40)}, {ModeFile, "a", "x"}, {ModeFile, "a", strings.Repeat("1", 40)}} {
		imp := r.Import(t.Context())
		if _, err := imp.Commit(CommitSpec{Ref: "refs/gt/x", Entries: []Entry{e}}); err == nil {
			t.Errorf("took %+v", e)
		}
		imp.Discard()
	}
	ctx, cancel := context.WithCancel(t.Context())
	imp = r.Import(ctx)
	if _, err := imp.Blob(1, strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := imp.Blob(1<<20, strings.NewReader(strings.Repeat("x", 1<<20))); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := r.create(); err != nil { // sweeps
		t.Fatal(err)
	}
	if id, err := r.Ref("refs/gt/x"); err != nil || id != "" {
		t.Errorf("a failed import left %s, %v", id, err)
	}
}

func TestPruneAndConsolidate(t *testing.T) {
	r := open(t, Options{})
	var last string
	for i := range 20 {
		last = commitOf(t, r, "", strings.Repeat(string(rune('a'+i)), 10000))
	}
	if err := r.Consolidate(t.Context()); err != nil {
		t.Fatal(err)
	}
	u, err := r.Usage()
	if err != nil || u.Packs > 6 || u.Bytes < 200000 {
		t.Fatalf("consolidated to %+v, %v", u, err)
	}
	if err := r.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if u, err = r.Usage(); err != nil || u.Packs != 1 || u.Bytes > 20000 {
		t.Fatalf("pruned to %+v, %v", u, err)
	}
	if n, err := r.HistoryBytes(t.Context(), last); err != nil || n < 10000 || n > 11000 {
		t.Fatalf("%d bytes, %v", n, err)
	}
	git(t, r.Dir, "fsck")
}

func TestRefs(t *testing.T) {
	r := open(t, Options{})
	id := strings.Repeat("ab", 20)
	for range 2 {
		if err := r.SetRef("refs/gt/a/b", id); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := r.Ref("refs/gt/a/b"); err != nil || got != id {
		t.Fatalf("%q %v", got, err)
	}
	if err := r.SetRef("refs/gt/../../../x", id); !errors.Is(err, ErrURL) {
		t.Fatalf("%v", err)
	}
	if err := r.SetRef("refs/gt/x", "x"); err == nil {
		t.Fatal("took a ref that is no id")
	}
	for range 2 {
		if err := r.DeleteRef("refs/gt/a/b"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestParseTreeTakesAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries, err := parseTree(rapid.SliceOf(rapid.Byte()).Draw(t, "tree"), 20)
		if err == nil {
			for _, e := range entries {
				if !IsID(e.ID) || strings.Contains(e.Name, "\x00") {
					t.Fatalf("%+v", e)
				}
			}
		}
	})
}
