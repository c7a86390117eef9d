package gitremote

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLargeTablesTravelInParts(t *testing.T) {
	url := bareRepo(t)
	small := func(o *Options) { o.PartBytes = 1000 }
	a, b := openMirror(t, t.TempDir(), url, small), openMirror(t, t.TempDir(), url)
	exact, over, long := strings.Repeat("x", 1000), strings.Repeat("y", 1001), strings.Repeat("z", 12345)
	write(t, a, exact, over, long)
	publish(t, a)
	name := nameOf([]byte(long))
	if got := git(t, url, "ls-tree", "--name-only", testRef+":"+name); got != strings.Join(strings.Fields("0001 0002 0003 0004 0005 0006 0007 0008 0009 0010 0011 0012 0013"), "\n") {
		t.Fatalf("parts: %q", got)
	}
	if typ := git(t, url, "cat-file", "-t", testRef+":"+nameOf([]byte(exact))); typ != "blob" {
		t.Fatalf("a table of exactly one part is a %s", typ)
	}
	fetch(t, b)
	equal(t, read(t, b), exact, over, long)
	// Parts stay as they are when another Town, with other limits, publishes.
	before := git(t, url, "rev-parse", testRef+":"+name)
	write(t, b, exact, over, long, "more")
	publish(t, b)
	if after := git(t, url, "rev-parse", testRef+":"+name); after != before {
		t.Fatalf("parts were rewritten: %s, was %s", after, before)
	}
	write(t, a, long, "again")
	fetch(t, a)
	write(t, a, long, "again")
	publish(t, a)
	fetch(t, b)
	equal(t, read(t, b), long, "again")
}

func TestArchivesAndForeignEntries(t *testing.T) {
	url := bareRepo(t)
	b := openMirror(t, t.TempDir(), url)
	arch, plain := "archive", "plain"
	commitTree(t, url, []treeLine{
		{"100644 blob", blob(t, url, manifestFor(nameOf([]byte(arch)), nameOf([]byte(plain)))), manifestName},
		{"100644 blob", blob(t, url, arch), nameOf([]byte(arch)) + archiveSuffix},
		{"100755 blob", blob(t, url, plain), nameOf([]byte(plain))},
		{"100644 blob", blob(t, url, "stray"), nameOf([]byte(plain)) + ".records"},
		{"100644 blob", blob(t, url, "readme"), "README"},
		{"100644 blob", blob(t, url, "old"), nameOf([]byte("old"))},
	})
	fetch(t, b)
	equal(t, read(t, b), arch, plain)
	entries, err := os.ReadDir(b.Dir())
	if err != nil || len(entries) != 3 {
		t.Fatalf("mirror has %v, %v", entries, err)
	}
	write(t, b, arch, plain, "new")
	if err := os.Remove(filepath.Join(b.Dir(), nameOf([]byte(arch)))); err != nil {
		t.Fatal(err)
	}
	publish(t, b)
	got := git(t, url, "ls-tree", "--name-only", testRef)
	if strings.Contains(got, "README") || strings.Contains(got, "records") || strings.Contains(got, nameOf([]byte("old"))) {
		t.Fatalf("sent on what no manifest names:\n%s", got)
	}
	if !strings.Contains(got, nameOf([]byte(arch))+archiveSuffix) {
		t.Fatalf("the archive lost its suffix:\n%s", got)
	}
}
