package files

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gastown/town"
)

const benchFiles = 100_000

// rows yields n templates of about 400 bytes.
func rows(n int) iter.Seq[Write] {
	filler := strings.Repeat("All work and no play. ", 18)
	return func(yield func(Write) bool) {
		for i := range n {
			text := fmt.Sprintf("%06d %s\n", i, filler)
			if !yield(Write{Key: templateKey(fmt.Sprintf("doc-%06d.md", i)), Text: text, Base: town.DigestOf(text)}) {
				return
			}
		}
	}
}

func applyRows(b *testing.B, tree *Tree, n int) *Index {
	b.Helper()
	ix := NewIndex()
	out, err := tree.Apply(context.Background(), ix, rows(n), ApplyOptions{})
	if err != nil || out.Written != n {
		b.Fatal(out.Written, err)
	}
	return ix
}

func BenchmarkApply100k(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir()
		tree := openTree(b, dir)
		b.StartTimer()
		applyRows(b, tree, benchFiles)
		b.StopTimer()
		tree.Close()
		if err := os.RemoveAll(dir); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func BenchmarkScan100k(b *testing.B) {
	tree := newTree(b)
	ix := applyRows(b, tree, benchFiles)
	first := scanTree(b, tree, ix)
	b.ReportMetric(float64(first.Refreshed), "racy")
	b.ReportAllocs()
	for b.Loop() {
		if c := scanTree(b, tree, ix); !c.Clean() || c.Files != benchFiles {
			b.Fatalf("%d files, %.200s", c.Files, show(c))
		}
	}
}

func BenchmarkIndexLoad100k(b *testing.B) {
	path := filepath.Join(b.TempDir(), "index")
	if err := bigIndex(b, benchFiles).Save(path); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if ix, err := LoadIndex(path); err != nil || ix.Len() != benchFiles {
			b.Fatal(err)
		}
	}
}

func BenchmarkIndexSave100k(b *testing.B) {
	path := filepath.Join(b.TempDir(), "index")
	ix := bigIndex(b, benchFiles)
	for b.Loop() {
		ix.file.end = 0 // or nothing would be written
		if err := ix.Save(path); err != nil {
			b.Fatal(err)
		}
	}
}

// What one push does: load, look up every name, change one entry, save.
func BenchmarkIndexChangeOne100k(b *testing.B) {
	path := filepath.Join(b.TempDir(), "index")
	if err := bigIndex(b, benchFiles).Save(path); err != nil {
		b.Fatal(err)
	}
	key := templateKey("doc-050000.md")
	for i := 0; b.Loop(); i++ {
		ix, err := LoadIndex(path)
		if err != nil {
			b.Fatal(err)
		}
		if err := ix.Set(key, Entry{Size: int64(i), Content: town.ContentDigest("x")}); err != nil {
			b.Fatal(err)
		}
		if err := ix.Save(path); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIndexFind100k(b *testing.B) {
	path := filepath.Join(b.TempDir(), "index")
	if err := bigIndex(b, benchFiles).Save(path); err != nil {
		b.Fatal(err)
	}
	ix, err := LoadIndex(path)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for w := range rows(benchFiles) {
			if ix.lookup(2, w.Name) == none {
				b.Fatal(w.Name)
			}
		}
	}
}

func BenchmarkApplyOneOf100k(b *testing.B) {
	tree := newTree(b)
	ix := applyRows(b, tree, benchFiles)
	key, before := templateKey("doc-050000.md"), town.Digest("")
	e, _ := ix.Get(key)
	before = e.Content
	for i := 0; b.Loop(); i++ {
		w := Write{Key: key, Text: fmt.Sprint(i), Base: town.DigestOf("x"), Expect: before}
		if out := applyTree(b, tree, ix, w); out.Written != 1 {
			b.Fatal(out)
		}
		before = town.ContentDigest(w.Text)
	}
}

func bigIndex(t fataler, n int) *Index {
	ix := NewIndex()
	for w := range rows(n) {
		e := Entry{Size: int64(len(w.Text)), ModTime: 1, ChangeTime: 2, Inode: 3, Content: town.ContentDigest(w.Text), Base: w.Base}
		if err := ix.Set(w.Key, e); err != nil {
			t.Fatal(err)
		}
	}
	return ix
}
