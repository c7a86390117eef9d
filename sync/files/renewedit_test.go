package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What people do in a directory at each moment while it is renewed.
func TestRenewMeetsEditor(t *testing.T) {
	type files map[string]string
	for _, c := range []struct {
		name string
		edit func(*testing.T, string)
		// want has the texts of files afterwards, "" for no file. skipped counts jobs whose
		// file somebody else made.
		want    files
		skipped int
		scan    string
	}{
		{"in place", func(t *testing.T, dir string) { overwrite(t, dir+"/a", "edit") }, files{"a": "edit"}, 0, "~template/a"},
		{"by rename", func(t *testing.T, dir string) { saveAs(t, dir+"/a", "edit") }, files{"a": "edit"}, 0, "~template/a"},
		{"a new file", func(t *testing.T, dir string) { overwrite(t, dir+"/mine", "edit") }, files{"mine": "edit"}, 0, "+template/mine"},
		{"a file of a job", func(t *testing.T, dir string) { saveAs(t, dir+"/made3", "edit") }, files{"made3": "edit"}, 1, "template/made3"},
		{"the very text", func(t *testing.T, dir string) { saveAs(t, dir+"/made3", "text 3") }, files{"made3": "text 3"}, -1, ""},
		{"removed", func(t *testing.T, dir string) { must(t, os.Remove(dir+"/a")) }, files{"a": ""}, 0, "-template/a"},
		{"renamed", func(t *testing.T, dir string) { must(t, os.Rename(dir+"/a", dir+"/c")) }, files{"a": "", "c": "old a"}, 0, "+template/c -template/a"},
		{"renamed over", func(t *testing.T, dir string) { must(t, os.Rename(dir+"/a", dir+"/b")) }, files{"a": "", "b": "old a"}, 0, "-template/a ~template/b"},
		{"a backup", func(t *testing.T, dir string) {
			must(t, os.Rename(dir+"/a", dir+"/a~"))
			overwrite(t, dir+"/a", "edit")
		}, files{"a": "edit", "a~": "old a"}, 0, "~template/a"},
		{"a directory", func(t *testing.T, dir string) {
			must(t, os.Mkdir(dir+"/.sub", 0o755))
			overwrite(t, dir+"/.sub/x", "edit")
		}, files{".sub/x": "edit"}, 0, ""},
		{"a link", func(t *testing.T, dir string) { must(t, os.Symlink("a", dir+"/.link")) }, files{".link": "old a"}, 0, ""},
	} {
		for _, at := range []string{"flush", "link", "swap", "swapped", "adopted"} {
			t.Run(c.name+"/"+at, func(t *testing.T) {
				tree, ix := withFiles(t)
				// A program with this working directory still has the old one.
				inside, err := os.Open(tree.abs("templates"))
				must(t, err)
				defer inside.Close()
				tree.between = func(moment string) {
					if moment == at {
						dir := tree.abs("templates")
						if at == "swapped" {
							dir = fmt.Sprintf("/proc/self/fd/%d", inside.Fd())
						}
						c.edit(t, dir)
					}
				}
				out := applyRenewing(t, tree, ix, renewWrites()...)
				for name, want := range c.want {
					if b, err := os.ReadFile(tree.abs("templates/" + name)); string(b) != want || (want == "") != errors.Is(err, os.ErrNotExist) {
						t.Errorf("%s is %q, want %q (%v)", name, b, want, err)
					}
				}
				early := at != "adopted"
				if len(out.Rescued) != 0 || c.skipped >= 0 && early && len(out.Skipped) != c.skipped {
					t.Errorf("%+v", out)
				}
				if got := show(scanTree(t, tree, ix)); c.scan == "" && c.skipped == 0 && got != "" || !strings.Contains(got, c.scan) {
					t.Errorf("scan %q, want %q", got, c.scan)
				}
				noHiddenNames(t, tree)
			})
		}
	}
}

func must(t fataler, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func overwrite(t fataler, path, text string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o644))
}

// saveAs writes a file as careful editors do: by rename.
func saveAs(t fataler, path, text string) {
	t.Helper()
	overwrite(t, path+".mine~", text)
	must(t, os.Rename(path+".mine~", path))
}

// A file that is open for writing is still the same file afterwards.
func TestRenewKeepsOpenFiles(t *testing.T) {
	tree, ix := withFiles(t)
	f, err := os.OpenFile(tree.abs("templates/a"), os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	defer f.Close()
	applyRenewing(t, tree, ix, renewWrites()...)
	_, err = f.WriteString(" and more")
	must(t, err)
	must(t, f.Close())
	if got := get(t, tree, "templates/a"); got != "old a and more" {
		t.Fatalf("%q", got)
	}
	expectChanges(t, scanTree(t, tree, ix), "~template/a")
}

// A program that opened the former directory saves a file in it just before it is
// removed.
func TestRenewMeetsLateFiles(t *testing.T) {
	tree, ix := withFiles(t)
	inside, err := os.Open(tree.abs("templates"))
	must(t, err)
	defer inside.Close()
	dir := fmt.Sprintf("/proc/self/fd/%d", inside.Fd())
	late := 0
	tree.between = func(moment string) {
		if moment != "adopted" {
			return
		}
		switch late++; late {
		case 1:
			overwrite(t, dir+"/a", "edit of a")
		case 2:
			overwrite(t, dir+"/mine", "edit of mine")
		}
	}
	if out := applyRenewing(t, tree, ix, renewWrites()...); out.Written != renewMade || len(out.Rescued) != 0 {
		t.Fatalf("%+v", out)
	}
	if late != 3 || get(t, tree, "templates/a") != "edit of a" || get(t, tree, "templates/mine") != "edit of mine" || get(t, tree, "templates/b") != "old b" {
		t.Fatalf("after %d looks: %v", late, content(t, tree))
	}
	noHiddenNames(t, tree)
}

// Somebody replaces the directory after its files were linked.
func TestRenewMeetsAnotherDirectory(t *testing.T) {
	for what, replace := range map[string]func(dir string) error{
		"directory": func(dir string) error {
			return errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(dir+"/mine", []byte("edit"), 0o644))
		},
		"link": func(dir string) error { return os.Symlink("elsewhere", dir) },
	} {
		t.Run(what, func(t *testing.T) {
			tree, ix := withFiles(t)
			dir := tree.abs("templates")
			tree.between = func(moment string) {
				if moment == "swap" {
					must(t, errors.Join(os.Rename(dir, tree.abs("elsewhere")), replace(dir)))
				}
			}
			if out := applyRenewing(t, tree, ix, renewWrites()...); out.Written != renewMade {
				t.Fatalf("%+v", out)
			}
			if what == "directory" && get(t, tree, "templates/mine") != "edit" || get(t, tree, "elsewhere/a") != "old a" || get(t, tree, "templates/made0") != "text 0" {
				t.Fatalf("%v", content(t, tree))
			}
			noHiddenNames(t, tree)
		})
	}
}

// Directories are renewed while an editor saves as fast as it can. The text that it
// saved last is in a file.
func TestRenewWhileEditing(t *testing.T) {
	path := mount(t, "size=8m")
	var names []string
	for i := range renewMade {
		names = append(names, fmt.Sprint("made", i), fmt.Sprint("mine", i))
	}
	edits, swaps := 0, 0
	for round := range 150 {
		dir := fmt.Sprintf("%s/%d", path, round)
		must(t, os.Mkdir(dir, 0o755))
		tree, ix := openTree(t, dir), NewIndex()
		for i := range 4 {
			put(t, tree, fmt.Sprint("templates/mine", i), "first")
		}
		recordAll(t, ix, scanTree(t, tree, ix))
		before := inode(t, tree, "templates").ino
		e := &editor{tree: tree, renames: round%2 == 0, pace: 5 * time.Microsecond, last: map[string]string{}, lenient: true}
		stop := make(chan struct{})
		var wg sync.WaitGroup
		var editErr error
		wg.Go(func() { editErr = e.run(stop, names) })
		out, err := tree.Apply(context.Background(), ix, slices.Values(renewWrites()), renewing)
		close(stop)
		wg.Wait()
		must(t, errors.Join(err, editErr))
		if inode(t, tree, "templates").ino != before {
			swaps++
		}
		all := content(t, tree)
		kept := map[string]bool{}
		for _, text := range all {
			kept[text] = true
		}
		for name, text := range e.last {
			if !kept[text] {
				t.Fatalf("round %d: %q, last saved as %s, is lost: %v\n%+v", round, text, name, all, out)
			}
		}
		noHidden(t, tree)
		edits += e.n
		tree.Close()
		must(t, os.RemoveAll(dir))
	}
	t.Logf("%d edits, %d of 150 directories renewed", edits, swaps)
	if swaps == 0 || edits == 0 {
		t.Error("the editor and the renewal did not meet")
	}
}

// What becomes of a directory that a killed process left beside the one in use.
func TestRecoverRenewal(t *testing.T) {
	const token = "TOKEN"
	hidden := renewPrefix + "templates-" + token
	for _, c := range []struct {
		name    string
		prepare func(tree *Tree)
		want    string // files of templates/ afterwards
	}{
		{"begun", func(tree *Tree) {}, "a=old"},
		{"the new one", func(tree *Tree) {
			put(t, tree, hidden+"/"+tempPrefix+token, "")
			put(t, tree, hidden+"/made", "row")
			must(t, os.Link(tree.abs("templates/a"), tree.abs(hidden+"/a")))
		}, "a=old"},
		{"the old one, just replaced", func(tree *Tree) {
			put(t, tree, "templates/"+tempPrefix+token, "")
			must(t, os.Link(tree.abs("templates/a"), tree.abs(hidden+"/a")))
		}, "a=old"},
		{"a file made in the old one", func(tree *Tree) { put(t, tree, hidden+"/mine", "edit") }, "a=old mine=edit"},
		{"a newer text in the old one", func(tree *Tree) {
			put(t, tree, hidden+"/a", "edit")
			must(t, os.Chtimes(tree.abs("templates/a"), time.Unix(1, 0), time.Unix(1, 0)))
		}, "a=edit a.1~=old"},
		{"an older text in the old one", func(tree *Tree) {
			put(t, tree, hidden+"/a", "before")
			must(t, os.Chtimes(tree.abs(hidden+"/a"), time.Unix(1, 0), time.Unix(1, 0)))
		}, "a=old a.1~=before"},
		{"no new one", func(tree *Tree) {
			must(t, os.Rename(tree.abs("templates/a"), tree.abs(hidden+"/a")))
			must(t, os.Remove(tree.abs("templates")))
		}, "a=old"},
	} {
		for _, by := range []string{"scan", "apply"} {
			t.Run(c.name+"/"+by, func(t *testing.T) {
				tree := newTree(t)
				put(t, tree, "templates/a", "old")
				must(t, os.Mkdir(tree.abs(hidden), 0o755))
				c.prepare(tree)
				put(t, tree, marker, "")
				var rescued []Rescue
				if by == "apply" {
					rescued = applyTree(t, tree, NewIndex()).Rescued
				}
				scan := scanTree(t, tree, NewIndex())
				rescued = append(rescued, scan.Rescued...)
				must(t, os.RemoveAll(tree.abs(marker)))
				noHiddenNames(t, tree)
				var got []string
				all := content(t, tree)
				for _, path := range sortedKeys(all) {
					got = append(got, strings.TrimPrefix(path, "templates/")+"="+all[path])
				}
				if s := strings.Join(got, " "); s != c.want {
					t.Errorf("got %q, want %q", s, c.want)
				}
				if want := strings.Count(c.want, "~"); len(rescued) != want {
					t.Errorf("%+v", rescued)
				}
			})
		}
	}
	// Names that only look like those of Apply are left alone, and links are not followed.
	tree := newTree(t)
	put(t, tree, "elsewhere/x", "x")
	must(t, errors.Join(os.Mkdir(tree.abs(renewPrefix+"spells-T"), 0o755), os.Symlink("elsewhere", tree.abs(hidden))))
	scanTree(t, tree, NewIndex())
	if st, err := lstat(unix.AT_FDCWD, tree.abs(hidden)); err != nil || st.Mode&unix.S_IFMT != unix.S_IFLNK || get(t, tree, "elsewhere/x") != "x" {
		t.Fatal(err)
	}
}
