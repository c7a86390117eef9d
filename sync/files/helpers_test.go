package files

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gastown/town"
)

// fataler is what *testing.T, *testing.B and *rapid.T have in common.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func openTree(t fataler, path string) *Tree {
	t.Helper()
	tree, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// newTree is an empty tree that is closed with the test.
func newTree(t testing.TB) *Tree {
	t.Helper()
	tree := openTree(t, t.TempDir())
	t.Cleanup(func() { tree.Close() })
	return tree
}

func (t *Tree) abs(path string) string { return filepath.Join(t.path, path) }

func put(t fataler, tree *Tree, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(tree.abs(path)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(tree.abs(path), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func get(t fataler, tree *Tree, path string) string {
	t.Helper()
	b, err := os.ReadFile(tree.abs(path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func scanTree(t fataler, tree *Tree, ix *Index) Changes {
	t.Helper()
	c, err := tree.Scan(context.Background(), ix)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func applyTree(t fataler, tree *Tree, ix *Index, writes ...Write) Applied {
	t.Helper()
	out, err := tree.Apply(context.Background(), ix, slices.Values(writes), ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// recordAll records every change, as a caller does that commits them.
func recordAll(t fataler, ix *Index, c Changes) {
	t.Helper()
	for _, list := range [][]Change{c.Added, c.Modified, c.Deleted} {
		for _, change := range list {
			if err := ix.Record(change, town.DigestOf("row", change.Text)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// show writes Changes as one line: "+role/a ~role/b -role/c !roles/X".
func show(c Changes) string {
	var out []string
	for mark, list := range map[string][]Change{"+": c.Added, "~": c.Modified, "-": c.Deleted} {
		for _, change := range list {
			out = append(out, mark+change.Key.String())
		}
	}
	for _, i := range c.Invalid {
		out = append(out, "!"+i.Path)
	}
	for _, r := range c.Rescued {
		out = append(out, "^"+r.Path)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func expectChanges(t fataler, c Changes, want string) {
	t.Helper()
	if got := show(c); got != want {
		t.Fatalf("changes %q, want %q", got, want)
	}
}

// content returns every file below the tree's directories by path.
func content(t fataler, tree *Tree) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, k := range kinds {
		entries, err := os.ReadDir(tree.abs(k.Dir()))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, e := range entries {
			path := k.Dir() + "/" + e.Name()
			all[path] = get(t, tree, path)
		}
	}
	return all
}

// noHidden fails if Apply left a hidden name anywhere.
func noHidden(t fataler, tree *Tree) {
	t.Helper()
	for path := range content(t, tree) {
		if strings.Contains(path, "/"+hiddenPrefix) {
			t.Fatalf("%s is left", path)
		}
	}
	if _, err := os.Lstat(tree.abs(marker)); err == nil {
		t.Fatalf("%s is left", marker)
	}
}

// age makes a file look as if it had been written a minute ago, so that it is not racy.
// A program cannot set the change time, so the index is altered too.
func age(ix *Index) { alter(ix, func(r *record) { r.racy = false }) }

// alter changes every record of an index.
func alter(ix *Index, change func(*record)) {
	for _, ref := range slices.Collect(ix.refs()) {
		r := ix.record(ref)
		change(&r)
		ix.put(r)
	}
}

// mount mounts a small file system. Without the right to do so the test fails, rather
// than prove nothing.
func mount(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, options); err != nil {
		t.Fatalf("this test mounts a tmpfs and needs to run as root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func roleText(s string) string { return fmt.Sprintf("---\ndescription: d\n---\n%s\n", s) }
