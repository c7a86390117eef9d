package files

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const crashEnv = "GT_FILES_TEST_CRASH"

// TestMain makes the test binary the process that is killed, if the environment has
// DIR NTH EDIT RENAME WAY.
func TestMain(m *testing.M) {
	if spec := os.Getenv(crashEnv); spec != "" {
		if err := crash(strings.Fields(spec)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const crashFiles = 12

// crashWrites replaces, removes and makes files, a third each. It makes more files
// where the directory is to be renewed.
func crashWrites(way string) (writes []Write) {
	if way == "renewed" {
		writes = renewWrites()
	}
	for i := range crashFiles {
		name := fmt.Sprint("f", i)
		switch i % 3 {
		case 0:
			writes = append(writes, write(name, "new "+name, "old "+name))
		case 1:
			writes = append(writes, remove(name, "old "+name))
		case 2:
			writes = append(writes, write(name, "new "+name, ""))
		}
	}
	return writes
}

// crash applies crashWrites and kills its own process at the nth moment. With edit it
// also edits every file just before the file is replaced, as a person might.
func crash(spec []string) error {
	tree, err := Open(spec[0])
	if err != nil {
		return err
	}
	ix, err := LoadIndex(spec[0] + ".index")
	if err != nil {
		return err
	}
	nth, err := strconv.ParseInt(spec[1], 10, 64)
	if err != nil {
		return err
	}
	if spec[3] == "without" {
		tree.renameat2 = func(int, string, int, string, uint) error { return unix.EINVAL }
	}
	var moments atomic.Int64
	tree.between = func(moment string) {
		if spec[2] == "edit" && moment == "exchange" {
			for i := 0; i < crashFiles; i += 3 {
				path := filepath.Join(spec[0], "templates", fmt.Sprint("f", i))
				if b, err := os.ReadFile(path); err == nil && strings.HasPrefix(string(b), "old") {
					if err := os.WriteFile(path, []byte("edit"), 0o644); err != nil {
						fmt.Fprintln(os.Stderr, err)
						os.Exit(1)
					}
				}
			}
		}
		if spec[2] == "edit" && moment == "swap" {
			for _, name := range []string{"kept", "mine"} {
				if err := os.WriteFile(filepath.Join(spec[0], "templates", name), []byte("edit"), 0o644); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
			}
		}
		if moments.Add(1) == nth {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	_, err = tree.Apply(context.Background(), ix, slices.Values(crashWrites(spec[4])), crashOptions(spec[4]))
	return err
}

func crashOptions(way string) ApplyOptions {
	opts := ApplyOptions{Workers: 1}
	if way == "renewed" {
		opts.RenewAfter = renewing.RenewAfter
	}
	return opts
}

// An Apply that is killed at any moment leaves whole files and loses no edit. The next
// Scan removes its hidden files, and the same Apply completes the work.
func TestCrash(t *testing.T) {
	t.Parallel()
	for _, edit := range []string{"quiet", "edit"} {
		for _, rename := range []string{"renameat2", "without"} {
			for _, way := range []string{"ordinary", "renewed"} {
				t.Run(edit+"/"+rename+"/"+way, func(t *testing.T) {
					t.Parallel()
					for nth := 1; ; nth++ {
						if !crashOnce(t, nth, edit, rename, way) {
							if nth < 12 {
								t.Fatalf("only %d moments", nth)
							}
							return
						}
					}
				})
			}
		}
	}
}

func crashOnce(t *testing.T, nth int, edit, rename, way string) (killed bool) {
	tree, ix := newTree(t), NewIndex()
	for i := range crashFiles {
		if i%3 != 2 {
			applyTree(t, tree, ix, write(fmt.Sprint("f", i), fmt.Sprint("old f", i), ""))
		}
	}
	applyTree(t, tree, ix, write("kept", "old kept", ""))
	if err := ix.Save(tree.path + ".index"); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %s %s %s", crashEnv, tree.path, nth, edit, rename, way))
	out, err := cmd.CombinedOutput()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		killed = true
	} else if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if killed {
		if _, err := os.Lstat(tree.abs(marker)); err != nil {
			t.Fatal("a killed Apply left no marker")
		}
	}
	if nth%2 == 0 { // Apply must be able to clean up as well as Scan
		applyTree(t, tree, ix)
		noHidden(t, tree)
	}
	c := scanTree(t, tree, ix)
	for i := range crashFiles {
		name := fmt.Sprint("templates/f", i)
		text, ok := content(t, tree)[name]
		switch {
		case !ok && i%3 == 0, ok && text != fmt.Sprint("old f", i) && text != fmt.Sprint("new f", i) && text != "edit":
			t.Fatalf("moment %d: %s is %q, %v", nth, name, text, content(t, tree))
		case edit == "edit" && i%3 == 0 && text != "edit":
			// At the second moment every file is edited.
			if nth >= 2 {
				t.Fatalf("moment %d: the edit of %s is lost: %q", nth, name, text)
			}
		}
	}
	if len(c.Invalid)+len(c.Rescued) != 0 {
		t.Fatalf("moment %d: %s", nth, show(c))
	}
	all := content(t, tree)
	if _, ok := all["templates/mine"]; (ok || way == "renewed" && edit == "edit" && !killed) && all["templates/kept"]+all["templates/mine"] != "editedit" {
		t.Fatalf("moment %d: an edit before the swap is lost: %v", nth, all)
	}
	if len(c.Deleted) > crashFiles/3 {
		t.Fatalf("moment %d: %s", nth, show(c))
	}
	out2, err := tree.Apply(context.Background(), ix, slices.Values(crashWrites(way)), crashOptions(way))
	if err != nil {
		t.Fatal(err)
	}
	noHiddenNames(t, tree)
	for i := range renewMade {
		if name := fmt.Sprint("templates/made", i); way == "renewed" && get(t, tree, name) != fmt.Sprint("text ", i) {
			t.Fatalf("moment %d: %s: %v", nth, name, content(t, tree))
		}
	}
	if want := map[bool]int{true: crashFiles / 3}[edit == "edit" && nth >= 2]; len(out2.Skipped) != want {
		t.Fatalf("moment %d: %+v, want %d skipped; %v", nth, out2, want, content(t, tree))
	}
	return killed
}

// What becomes of each hidden name, depending on the texts.
func TestRecover(t *testing.T) {
	sum := func(s string) [32]byte { return sum256([]byte(s)) }
	swap := swapName(sum("new"), sum("old"), "a")
	keep := keepPrefix + strings.TrimPrefix(swap, swapPrefix)
	gone := goneName(sum("old"), "a")
	for _, c := range []struct{ name, hidden, hiddenText, file, want string }{
		{"temporary", tempName(), "new", "old", "a=old"},
		{"before the exchange", swap, "new", "old", "a=old"},
		{"after the exchange", swap, "old", "new", "a=new"},
		{"an edit was swapped out", swap, "edit", "new", "a=edit"},
		{"an edit was swapped out and another made", swap, "edit", "other", "a=other a.1~=edit"},
		{"an edit was swapped out and the file removed", swap, "edit", "", "a=edit"},
		{"removed after the exchange", swap, "old", "", ""},
		{"kept, not yet replaced", keep, "old", "", "a=old"},
		{"kept and replaced", keep, "old", "new", "a=new"},
		{"an edit was kept", keep, "edit", "new", "a=edit"},
		{"on its way out", gone, "old", "", "a=old"},
		{"on its way out, then made again", gone, "old", "other", "a=other"},
		{"an edit on its way out", gone, "edit", "", "a=edit"},
		{"an edit on its way out, then made again", gone, "edit", "other", "a=other a.1~=edit"},
		{"not ours", ".gt-else", "x", "old", ".gt-else=x a=old"},
		{"not ours either", swapPrefix + "00-00-a", "x", "old", swapPrefix + "00-00-a=x a=old"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree := newTree(t)
			put(t, tree, "templates/"+c.hidden, c.hiddenText)
			if c.file != "" {
				put(t, tree, "templates/a", c.file)
			}
			scan := scanTree(t, tree, NewIndex())
			var got []string
			all := content(t, tree)
			for _, path := range sortedKeys(all) {
				got = append(got, strings.TrimPrefix(path, "templates/")+"="+all[path])
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Fatalf("got %q, want %q", s, c.want)
			}
			if rescued := strings.Contains(c.want, "~"); rescued != (len(scan.Rescued) == 1) {
				t.Fatalf("%+v", scan.Rescued)
			}
			// The scan reports the tree as the recovery left it.
			if file := all["templates/a"]; file != "" && (len(scan.Added) != 1 || scan.Added[0].Text != file) {
				t.Fatalf("%s", show(scan))
			}
		})
	}
}

// The hidden files of another process that is writing are left alone.
func TestScanLeavesOthersAlone(t *testing.T) {
	tree := newTree(t)
	other := openTree(t, tree.path)
	defer other.Close()
	put(t, tree, "templates/x", "x")
	seen := false
	other.between = func(moment string) {
		if moment == "flush" {
			before := len(content(t, tree))
			expectChanges(t, scanTree(t, tree, NewIndex()), "+template/x")
			seen = before == 2 && len(content(t, tree)) == 2
		}
	}
	if out := applyTree(t, other, NewIndex(), write("a", "a", "")); out.Written != 1 || !seen {
		t.Fatalf("%+v, %v", out, seen)
	}
}
