package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gastown/town"
)

func write(name, text, expect string) Write {
	w := Write{Key: templateKey(name), Text: text, Base: town.DigestOf("row", text)}
	if expect != "" {
		w.Expect = town.ContentDigest(expect)
	}
	return w
}

func remove(name, expect string) Write {
	return Write{Key: templateKey(name), Remove: true, Expect: town.ContentDigest(expect)}
}

// eachFileSystem runs f on an ordinary file system and on simulated ones that lack
// renameat2: names cannot be exchanged there, and every rename may replace a file.
func eachFileSystem(t *testing.T, f func(*testing.T, *Tree)) {
	t.Run("renameat2", func(t *testing.T) { f(t, newTree(t)) })
	for _, errno := range []unix.Errno{unix.EINVAL, unix.ENOSYS} {
		t.Run("without/"+errno.Error(), func(t *testing.T) {
			tree := newTree(t)
			tree.renameat2 = func(int, string, int, string, uint) error { return errno }
			f(t, tree)
		})
	}
}

func TestApply(t *testing.T) {
	eachFileSystem(t, func(t *testing.T, tree *Tree) {
		ix := NewIndex()
		out := applyTree(t, tree, ix, write("a", "one", ""), write("b", "two", ""), write("c", "three", ""),
			Write{Key: roleKey("r"), Text: roleText("r"), Base: town.DigestOf("r")})
		if out.Written != 4 || len(out.Skipped) != 0 {
			t.Fatalf("%+v", out)
		}
		expectChanges(t, scanTree(t, tree, ix), "")
		if e, _ := ix.Get(templateKey("a")); e.Base != town.DigestOf("row", "one") || e.Content != town.ContentDigest("one") {
			t.Fatalf("%+v", e)
		}
		if err := os.Chmod(tree.abs("templates/a"), 0o600); err != nil {
			t.Fatal(err)
		}
		out = applyTree(t, tree, ix, write("a", "ONE", "one"), remove("b", "two"), write("c", "three", "old three"), remove("zz", "gone"))
		if out.Written != 1 || out.Removed != 1 || out.Same != 2 || len(out.Skipped) != 0 {
			t.Fatalf("%+v", out)
		}
		if st, err := os.Stat(tree.abs("templates/a")); err != nil || st.Mode().Perm() != 0o600 {
			t.Fatalf("the mode became %v", st.Mode())
		}
		want := map[string]string{"templates/a": "ONE", "templates/c": "three", "roles/r.md": roleText("r")}
		if got := content(t, tree); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%v", got)
		}
		expectChanges(t, scanTree(t, tree, ix), "")
		noHidden(t, tree)
	})
}

// Apply skips a file with an edit that the caller does not know, whatever it is.
func TestApplyLeavesEdits(t *testing.T) {
	eachFileSystem(t, func(t *testing.T, tree *Tree) {
		ix := NewIndex()
		applyTree(t, tree, ix, write("edited", "old", ""), write("removed", "old", ""), write("link", "old", ""), write("dir", "old", ""))
		put(t, tree, "templates/edited", "new")
		put(t, tree, "templates/appeared", "new")
		path := func(name string) string { return tree.abs("templates/" + name) }
		if err := errors.Join(os.Remove(path("removed")), os.Remove(path("link")), os.Remove(path("dir")),
			os.Symlink("edited", path("link")), os.Mkdir(path("dir"), 0o755)); err != nil {
			t.Fatal(err)
		}
		for _, writes := range [][]Write{
			{write("edited", "x", "old"), write("removed", "x", "old"), write("appeared", "x", ""), write("link", "x", "old"), write("dir", "x", "old")},
			{remove("edited", "old"), remove("link", "old"), remove("dir", "old"), {Key: templateKey("appeared"), Remove: true}},
		} {
			out := applyTree(t, tree, ix, writes...)
			if len(out.Skipped) != len(writes) {
				t.Fatalf("%+v", out)
			}
			for _, s := range out.Skipped {
				if !errors.Is(s.Reason, ErrEdited) {
					t.Errorf("%s %v", s.Key, s.Reason)
				}
			}
		}
		if get(t, tree, "templates/edited") != "new" || get(t, tree, "templates/appeared") != "new" {
			t.Fatal("an edit was lost")
		}
		expectChanges(t, scanTree(t, tree, ix), "!templates/dir !templates/link +template/appeared -template/removed ~template/edited")
		if err := os.Remove(path("dir")); err != nil {
			t.Fatal(err)
		}
		noHidden(t, tree)
	})
}

// Edits between the moments at which Apply examines a file and changes it.
func TestApplyMeetsEditor(t *testing.T) {
	inPlace := func(t *testing.T, tree *Tree) { put(t, tree, "templates/a", "edit") }
	byRename := func(t *testing.T, tree *Tree) {
		put(t, tree, "templates/.a.swp", "edit")
		if err := os.Rename(tree.abs("templates/.a.swp"), tree.abs("templates/a")); err != nil {
			t.Fatal(err)
		}
	}
	for how, edit := range map[string]func(*testing.T, *Tree){"in place": inPlace, "by rename": byRename} {
		for _, w := range []Write{write("a", "wanted", "old"), remove("a", "old")} {
			for _, at := range []string{"flush", "exchange", "exchanged", "removed", "committed", "settle"} {
				t.Run(fmt.Sprintf("%s/remove=%v/%s", how, w.Remove, at), func(t *testing.T) {
					eachFileSystem(t, func(t *testing.T, tree *Tree) {
						ix := NewIndex()
						applyTree(t, tree, ix, write("a", "old", ""))
						age(ix)
						met := false
						tree.between = func(moment string) {
							if moment == at && !met {
								met = true
								edit(t, tree)
							}
						}
						out, err := tree.Apply(context.Background(), ix, slices.Values([]Write{w}), ApplyOptions{})
						if err != nil {
							t.Fatal(err)
						}
						if met && get(t, tree, "templates/a") != "edit" {
							t.Fatalf("the edit was lost: %v, %+v", content(t, tree), out)
						}
						c := scanTree(t, tree, ix)
						if met && !strings.Contains(show(c), "template/a") {
							t.Fatalf("the edit is not seen: %q, %+v", show(c), out)
						}
						// Its writer had seen the old text, which is therefore its base.
						if met && !w.Remove && (len(out.Skipped) != 1 || len(c.Modified) != 1 || c.Modified[0].Base != town.DigestOf("row", "old")) {
							t.Fatalf("the edit has another base: %+v, %+v", c, out)
						}
						noHidden(t, tree)
					})
				})
			}
		}
	}
}

// A program that has the file open for writing may write at any later time, so
// its file is not replaced.
func TestApplyWaitsForWriter(t *testing.T) {
	tree, ix := newTree(t), NewIndex()
	applyTree(t, tree, ix, write("a", "old", ""), write("b", "old", ""))
	age(ix)
	var open []*os.File
	for _, name := range []string{"a", "b"} {
		f, err := os.OpenFile(tree.abs("templates/"+name), os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		open = append(open, f)
	}
	out := applyTree(t, tree, ix, write("a", "wanted", "old"), remove("b", "old"))
	if len(out.Skipped) != 2 || !errors.Is(out.Skipped[0].Reason, town.ErrBusy) {
		t.Fatalf("%+v", out)
	}
	for _, f := range open {
		if _, err := f.WriteString("late"); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	expectChanges(t, scanTree(t, tree, ix), "~template/a ~template/b")
	noHidden(t, tree)
}

// Two programs that edit at the same moment both keep their texts.
func TestApplyMeetsTwoEditors(t *testing.T) {
	eachFileSystem(t, func(t *testing.T, tree *Tree) {
		ix := NewIndex()
		applyTree(t, tree, ix, write("a", "old", ""))
		age(ix)
		tree.between = func(moment string) {
			switch moment {
			case "exchange":
				put(t, tree, "templates/a", "first")
			case "put back":
				put(t, tree, "templates/a", "second")
			}
		}
		out := applyTree(t, tree, ix, write("a", "wanted", "old"))
		if len(out.Skipped) != 1 || len(out.Rescued) != 1 {
			t.Fatalf("%+v", out)
		}
		got := []string{get(t, tree, "templates/a"), get(t, tree, out.Rescued[0].Path)}
		slices.Sort(got)
		if !slices.Equal(got, []string{"first", "second"}) {
			t.Fatalf("%v", content(t, tree))
		}
		noHidden(t, tree)
	})
}

func TestApplyMany(t *testing.T) {
	tree, ix := newTree(t), NewIndex()
	const n = 1500
	out, err := tree.Apply(context.Background(), ix, rows(n), ApplyOptions{})
	if err != nil || out.Written != n || ix.Len() != n {
		t.Fatal(out.Written, err)
	}
	expectChanges(t, scanTree(t, tree, ix), "")
	noHidden(t, tree)
	// An empty index, as after a loss: every file has its text already.
	again := NewIndex()
	out, err = tree.Apply(context.Background(), again, rows(n), ApplyOptions{})
	if err != nil || out.Same != n || again.Len() != n {
		t.Fatal(out, err)
	}
	noHidden(t, tree)
}

func TestApplyRefuses(t *testing.T) {
	for what, w := range map[string][]Write{
		"name":  {write("ok", "x", ""), {Key: templateKey("../x"), Text: "x"}},
		"kind":  {{Key: town.Key{Kind: "spell", Name: "x"}}},
		"size":  {write("ok", "x", ""), write("big", strings.Repeat("x", town.MaxDocumentBytes+1), "")},
		"twice": {write("a", "x", ""), write("a", "y", "")},
		"base":  {{Key: templateKey("a"), Base: "row"}},
	} {
		tree, ix := newTree(t), NewIndex()
		if _, err := tree.Apply(context.Background(), ix, slices.Values(w), ApplyOptions{}); err == nil {
			t.Errorf("a bad %s was accepted", what)
		}
		if got := content(t, tree); len(got) != 0 || ix.Len() != 0 {
			t.Errorf("%s: %v", what, got)
		}
		noHidden(t, tree)
	}
}

func TestApplyFullDisk(t *testing.T) {
	for _, n := range []int{40, 4000} { // flushed one by one, and all at once
		tree, ix := openTree(t, mount(t, "size=1m,nr_inodes=100k")), NewIndex()
		filler := strings.Repeat("x", 40_000)
		out := applyTree(t, tree, ix, write("before", "old", ""))
		if out.Written != 1 {
			t.Fatal(out)
		}
		writes := []Write{write("before", filler, "old")}
		for i := range n {
			writes = append(writes, write(fmt.Sprintf("f%d", i), filler, ""))
		}
		_, err := tree.Apply(context.Background(), ix, slices.Values(writes), ApplyOptions{})
		if !errors.Is(err, unix.ENOSPC) || !strings.Contains(town.Next(err), "free some space") {
			t.Fatalf("%v", err)
		}
		if got := content(t, tree); len(got) != 1 || got["templates/before"] != "old" {
			t.Fatalf("%v", sortedKeys(got))
		}
		expectChanges(t, scanTree(t, tree, ix), "")
		noHidden(t, tree)
		tree.Close()
	}
}

func TestReadOnly(t *testing.T) {
	dir := mount(t, "size=1m")
	tree, ix := openTree(t, dir), NewIndex()
	defer tree.Close()
	applyTree(t, tree, ix, write("a", "old", ""))
	put(t, tree, "templates/"+tempName(), "left")
	if err := unix.Mount("none", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	_, err := tree.Apply(context.Background(), ix, slices.Values([]Write{write("a", "new", "old")}), ApplyOptions{})
	if !errors.Is(err, unix.EROFS) || !strings.Contains(town.Next(err), "writable") {
		t.Fatalf("%v", err)
	}
	expectChanges(t, scanTree(t, tree, ix), "") // a Scan needs no right to write
}

func TestApplyCancelled(t *testing.T) {
	for _, at := range []string{"flush", "committed"} {
		tree, ix := newTree(t), NewIndex()
		ctx, cancel := context.WithCancel(context.Background())
		tree.between = func(moment string) {
			if moment == at {
				cancel()
			}
		}
		out, err := tree.Apply(ctx, ix, rows(200), ApplyOptions{})
		if at == "flush" && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if ix.Len() != out.Written || len(content(t, tree)) != out.Written {
			t.Fatalf("%d files, %d recorded, %+v", len(content(t, tree)), ix.Len(), out)
		}
		noHidden(t, tree)
		cancel()
	}
}
