package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"gastown/town"
)

// Random edits, scans and writes are compared with a model, a map of texts: the tree,
// the Index and the reported changes must agree with it.
func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "files")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		tree, ix := openTree(t, dir), NewIndex()
		defer tree.Close()
		if rapid.Bool().Draw(t, "without renameat2") {
			tree.renameat2 = func(int, string, int, string, uint) error { return unix.EINVAL }
		}
		disk, known := map[string]string{}, map[string]string{} // by name
		name := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		text := rapid.StringMatching(`[xyz]{1,2}`)
		t.Repeat(map[string]func(*rapid.T){
			"edit": func(t *rapid.T) {
				n, s := name.Draw(t, "name"), text.Draw(t, "text")
				put(t, tree, "templates/"+n, s)
				disk[n] = s
			},
			"remove": func(t *rapid.T) {
				n := name.Draw(t, "name")
				if _, ok := disk[n]; ok {
					if err := os.Remove(tree.abs("templates/" + n)); err != nil {
						t.Fatal(err)
					}
					delete(disk, n)
				}
			},
			"scan": func(t *rapid.T) {
				c := scanTree(t, tree, ix)
				expectChanges(t, c, difference(known, disk))
				if rapid.Bool().Draw(t, "record") {
					recordAll(t, ix, c)
					known = clone(disk)
				}
			},
			"apply": func(t *rapid.T) {
				names := rapid.SliceOfNDistinct(name, 1, 4, rapid.ID).Draw(t, "names")
				var writes []Write
				skipped := map[string]bool{}
				for _, n := range names {
					w := write(n, text.Draw(t, "text"), known[n])
					if w.Remove = rapid.Bool().Draw(t, "away"); w.Remove {
						w.Text = ""
					}
					now, exists := disk[n]
					same := exists == !w.Remove && (!exists || now == w.Text)
					expected := exists == (w.Expect != "") && now == known[n]
					writes, skipped[n] = append(writes, w), !same && !expected
				}
				// An empty directory is renewed for two new files.
				out, err := tree.Apply(context.Background(), ix, slices.Values(writes), ApplyOptions{RenewAfter: 1})
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range out.Skipped {
					if !skipped[s.Name] {
						t.Fatalf("disk %q, known %q, writes %+v: %+v", disk, known, writes, out)
					}
				}
				for _, w := range writes {
					switch {
					case skipped[w.Name]:
						if !slices.ContainsFunc(out.Skipped, func(s Skipped) bool { return s.Name == w.Name }) {
							t.Fatalf("disk %q, known %q, writes %+v: %+v", disk, known, writes, out)
						}
					case w.Remove:
						delete(disk, w.Name)
						delete(known, w.Name)
					default:
						disk[w.Name], known[w.Name] = w.Text, w.Text
					}
				}
			},
			"": func(t *rapid.T) {
				for n, s := range disk {
					if got := get(t, tree, "templates/"+n); got != s {
						t.Fatalf("%s is %q, want %q", n, got, s)
					}
				}
				if all := content(t, tree); len(all) != len(disk) {
					t.Fatalf("%v, want %v", all, disk)
				}
				noHidden(t, tree)
			},
		})
	})
}

func clone(m map[string]string) map[string]string {
	c := map[string]string{}
	for k, v := range m {
		c[k] = v
	}
	return c
}

func difference(known, disk map[string]string) string {
	var c Changes
	for n, s := range disk {
		if old, ok := known[n]; !ok {
			c.Added = append(c.Added, Change{Key: templateKey(n)})
		} else if old != s {
			c.Modified = append(c.Modified, Change{Key: templateKey(n)})
		}
	}
	for n := range known {
		if _, ok := disk[n]; !ok {
			c.Deleted = append(c.Deleted, Change{Key: templateKey(n)})
		}
	}
	return show(c)
}

// editor writes different texts into the files, in place or by rename, until it is told
// to stop. It remembers the last text of each file.
type editor struct {
	tree    *Tree
	renames bool
	// lenient editors accept that the file they are about to rename is gone, because its
	// directory was renewed. That text does not count as saved.
	lenient bool
	pace    time.Duration
	last    map[string]string
	n       int
}

func (e *editor) run(stop <-chan struct{}, names []string) error {
	pace := time.NewTicker(e.pace)
	defer pace.Stop()
	for {
		select {
		case <-stop:
			return nil
		case <-pace.C:
		}
		e.n++
		name := names[e.n*7%len(names)]
		path, text := e.tree.abs("templates/"+name), fmt.Sprintf("edit %d of %s", e.n, name)
		var err error
		if !e.renames || e.n%2 == 0 {
			err = os.WriteFile(path, []byte(text), 0o644)
		} else if err = os.WriteFile(path+".mine~", []byte(text), 0o644); err == nil {
			err = os.Rename(path+".mine~", path)
		}
		if e.lenient && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		e.last[name] = text
	}
}

// Rows are written and removed while an editor saves every few microseconds. The text
// that the editor saved last is never lost: it is in a file, or it was recorded. Where
// names cannot be exchanged, that holds for editors that write in place.
func TestApplyWhileEditing(t *testing.T) {
	for _, c := range []struct {
		name      string
		renameat2 func(int, string, int, string, uint) error
		renames   bool
		pace      time.Duration
	}{
		{"renameat2", unix.Renameat2, true, 50 * time.Microsecond},
		{"renameat2, hurried", unix.Renameat2, true, time.Microsecond},
		{"without", func(int, string, int, string, uint) error { return unix.EINVAL }, false, 50 * time.Microsecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			// In memory, because the editor would have all the time while a disk flushes.
			tree := openTree(t, mount(t, "size=8m"))
			defer tree.Close()
			tree.renameat2 = c.renameat2
			applyWhileEditing(t, tree, &editor{tree: tree, renames: c.renames, pace: c.pace, last: map[string]string{}})
		})
	}
}

func applyWhileEditing(t *testing.T, tree *Tree, e *editor) {
	ix := NewIndex()
	var names []string
	for i := range 60 {
		names = append(names, fmt.Sprint("doc", i))
		put(t, tree, "templates/"+names[i], "first")
	}
	recorded, counts := map[string]bool{"first": true}, map[string]int{}
	for round := range 100 {
		c := scanTree(t, tree, ix)
		for _, list := range [][]Change{c.Added, c.Modified} {
			for _, change := range list {
				recorded[change.Text] = true
			}
		}
		recordAll(t, ix, c)
		var writes []Write
		for i, n := range names {
			w := Write{Key: templateKey(n), Text: fmt.Sprintf("row %d of %s", round, n), Base: town.DigestOf(n)}
			if entry, ok := ix.Get(w.Key); ok {
				w.Expect = entry.Content
				w.Remove = (round+i)%3 == 0
			}
			recorded[w.Text] = true
			writes = append(writes, w)
		}
		stop := make(chan struct{})
		var wg sync.WaitGroup
		var editErr error
		wg.Go(func() { editErr = e.run(stop, names) })
		out, err := tree.Apply(context.Background(), ix, slices.Values(writes), ApplyOptions{})
		close(stop)
		wg.Wait()
		if err != nil || editErr != nil {
			t.Fatal(errors.Join(err, editErr))
		}
		counts["written"] += out.Written
		counts["removed"] += out.Removed
		counts["skipped"] += len(out.Skipped)
		counts["rescued"] += len(out.Rescued)
		kept := map[string]bool{}
		for _, text := range content(t, tree) {
			kept[text] = true
		}
		for n, text := range e.last {
			if !kept[text] && !recorded[text] {
				t.Fatalf("round %d: %q, last saved as %s, is lost: %v\n%+v", round, text, n, content(t, tree), out)
			}
		}
		noHidden(t, tree)
	}
	t.Logf("%d edits, %v", e.n, counts)
	if counts["skipped"] == 0 || counts["written"]+counts["removed"] == 0 {
		t.Errorf("the editor and Apply did not meet: %v", counts)
	}
}
