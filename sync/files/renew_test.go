package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gastown/town"
)

// renewing makes Apply renew a directory for a few new files.
var renewing = ApplyOptions{RenewAfter: 3}

const renewMade = 20

// renewWrites makes the files made0 to made19.
func renewWrites() (writes []Write) {
	for i := range renewMade {
		writes = append(writes, write(fmt.Sprint("made", i), fmt.Sprint("text ", i), ""))
	}
	return writes
}

func applyRenewing(t fataler, tree *Tree, ix *Index, writes ...Write) Applied {
	t.Helper()
	out, err := tree.Apply(context.Background(), ix, slices.Values(writes), renewing)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// withFiles is a tree with two recorded templates and other files that people may have.
func withFiles(t testing.TB) (*Tree, *Index) {
	tree, ix := newTree(t), NewIndex()
	applyTree(t, tree, ix, write("a", "old a", ""), write("b", "old b", ""))
	age(ix)
	return tree, ix
}

// A new directory has the files, the owner and the mode of the old one.
func TestRenew(t *testing.T) {
	tree, ix := withFiles(t)
	for _, path := range []string{"templates/.gitignore", "templates/a~", "templates/README"} {
		put(t, tree, path, path)
	}
	dir := tree.abs("templates")
	err := errors.Join(os.Symlink("a", filepath.Join(dir, ".link")), os.Chmod(filepath.Join(dir, "b"), 0o600),
		unix.Chmod(dir, 0o2750), os.Chown(dir, 7, 8), unix.Setxattr(dir, "user.note", []byte("mine"), 0))
	if err != nil {
		t.Fatal(err)
	}
	before, kept := inode(t, tree, "templates").ino, inode(t, tree, "templates/.gitignore").ino
	// A directory with an extended attribute is not renewed.
	applyRenewing(t, tree, ix, renewWrites()...)
	if now := inode(t, tree, "templates").ino; now != before {
		t.Fatal("a directory with an attribute was renewed")
	}
	if err := unix.Removexattr(dir, "user.note"); err != nil {
		t.Fatal(err)
	}
	var more []Write
	for i := range 40 {
		more = append(more, write(fmt.Sprint("more", i), fmt.Sprint("more text ", i), ""))
	}
	more = append(more, write("a", "new a", "old a"), remove("b", "old b"), write("made0", "text 0", ""), write("made1", "other", ""))
	out := applyRenewing(t, tree, ix, more...)
	if out.Written != 41 || out.Removed != 1 || out.Same != 1 || len(out.Skipped) != 1 || len(out.Rescued) != 0 {
		t.Fatalf("%+v", out)
	}
	if now := inode(t, tree, "templates").ino; now == before {
		t.Fatal("the directory was not renewed")
	}
	if now := inode(t, tree, "templates/.gitignore"); now.ino != kept {
		t.Fatal("a file was copied instead of linked")
	}
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil || st.Mode&0o7777 != 0o2750 || st.Uid != 7 || st.Gid != 8 {
		t.Fatalf("mode %o, owner %d:%d, %v", st.Mode, st.Uid, st.Gid, err)
	}
	if err := unix.Stat(filepath.Join(dir, "more1"), &st); err != nil || st.Mode&0o777 != 0o644 || st.Gid != 8 {
		t.Fatalf("a new file has mode %o, group %d, %v", st.Mode, st.Gid, err)
	}
	if to, err := os.Readlink(filepath.Join(dir, ".link")); err != nil || to != "a" {
		t.Fatal(to, err)
	}
	all := content(t, tree)
	if len(all) != 1+renewMade+40+4 || all["templates/a"] != "new a" || all["templates/more7"] != "more text 7" || all["templates/a~"] != "templates/a~" {
		t.Fatalf("%d files: %v", len(all), sortedKeys(all))
	}
	noHidden(t, tree)
	expectChanges(t, scanTree(t, tree, ix), "!templates/README")
	expectChanges(t, scanTree(t, tree, NewIndex()), "!templates/README "+added(t, tree))
}

// added is what Scan reports with an empty Index.
func added(t fataler, tree *Tree) string {
	var out []string
	for path := range content(t, tree) {
		if name := strings.TrimPrefix(path, "templates/"); !ignored(name) && plainName(name) {
			out = append(out, "+template/"+name)
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// Where a directory cannot or should not be renewed, the new files are made in it.
func TestRenewNot(t *testing.T) {
	for what, prepare := range map[string]func(*testing.T, *Tree) error{
		"a directory in it": func(_ *testing.T, tree *Tree) error { return os.Mkdir(tree.abs("templates/sub"), 0o755) },
		"a pipe in it":      func(_ *testing.T, tree *Tree) error { return unix.Mkfifo(tree.abs("templates/pipe"), 0o644) },
		"many files in it": func(t *testing.T, tree *Tree) error {
			for i := range renewMade {
				put(t, tree, fmt.Sprint("templates/.own", i), "x")
			}
			return nil
		},
		"another mount": func(t *testing.T, tree *Tree) error {
			dir := tree.abs("templates")
			if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
				return err
			}
			t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
			return nil
		},
		"a directory since": func(t *testing.T, tree *Tree) error {
			tree.between = func(moment string) {
				if moment == "link" {
					if err := os.Mkdir(tree.abs("templates/sub"), 0o755); err != nil {
						t.Error(err)
					}
				}
			}
			return nil
		},
		"no exchange": func(_ *testing.T, tree *Tree) error {
			tree.renameat2 = func(int, string, int, string, uint) error { return unix.EINVAL }
			return nil
		},
	} {
		t.Run(what, func(t *testing.T) {
			tree, ix := withFiles(t)
			if err := prepare(t, tree); err != nil {
				t.Fatal(err)
			}
			before := inode(t, tree, "templates").ino
			out := applyRenewing(t, tree, ix, renewWrites()...)
			if out.Written != renewMade || inode(t, tree, "templates").ino != before {
				t.Fatalf("%+v", out)
			}
			for i := range renewMade {
				if s := get(t, tree, fmt.Sprint("templates/made", i)); s != fmt.Sprint("text ", i) {
					t.Fatalf("%d: %q", i, s)
				}
			}
			noHiddenNames(t, tree)
			if c := scanTree(t, tree, ix); len(c.Added)+len(c.Modified)+len(c.Deleted) != 0 {
				t.Fatal(show(c))
			}
		})
	}
}

// noHiddenNames is noHidden for trees that have more than regular files.
func noHiddenNames(t fataler, tree *Tree) {
	t.Helper()
	err := filepath.WalkDir(tree.path, func(path string, _ os.DirEntry, err error) error {
		if strings.HasPrefix(filepath.Base(path), hiddenPrefix) {
			t.Fatalf("%s is left", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A failure before the directories exchange their names leaves nothing behind.
func TestRenewCancelled(t *testing.T) {
	for _, at := range []string{"flush", "committed", "link", "swap", "swapped"} {
		tree, ix := withFiles(t)
		ctx, cancel := context.WithCancel(context.Background())
		tree.between = func(moment string) {
			if moment == at {
				cancel()
			}
		}
		out, err := tree.Apply(ctx, ix, slices.Values(renewWrites()), renewing)
		if late := at == "swap" || at == "swapped"; late != (err == nil) || (out.Written == renewMade) != late {
			t.Fatalf("%s: %+v, %v", at, out, err)
		}
		if all := content(t, tree); len(all) != 2+out.Written || ix.Len() != len(all) {
			t.Fatalf("%s: %v, %d known", at, all, ix.Len())
		}
		noHidden(t, tree)
		cancel()
	}
}

func TestRenewFullDisk(t *testing.T) {
	tree, ix := openTree(t, mount(t, "size=1m,nr_inodes=40")), NewIndex()
	defer tree.Close()
	put(t, tree, "templates/mine", "mine")
	_, err := tree.Apply(context.Background(), ix, rows(2000), ApplyOptions{})
	if !errors.Is(err, unix.ENOSPC) || !strings.Contains(town.Next(err), "free some space") {
		t.Fatal(err)
	}
	if all := content(t, tree); len(all) != 1 || all["templates/mine"] != "mine" {
		t.Fatalf("%v", sortedKeys(all))
	}
	noHidden(t, tree)
}

// A directory without the mark of a new one is never emptied, whatever went wrong
// before.
func TestAbandonNeedsMark(t *testing.T) {
	tree, _ := withFiles(t)
	d, err := tree.open(2, false)
	must(t, err)
	defer d.close()
	s, err := d.stage(nil)
	if err != nil || s == nil {
		t.Fatal(s, err)
	}
	defer unix.Close(s.other)
	root := int(tree.root.Fd())
	must(t, unix.Renameat2(root, s.hidden, root, "templates", unix.RENAME_EXCHANGE))
	if err := s.abandon(context.Background()); !errors.Is(err, unix.ENOTEMPTY) {
		t.Fatal(err)
	}
	expectChanges(t, scanTree(t, tree, NewIndex()), "+template/a +template/b")
	noHiddenNames(t, tree)
}
