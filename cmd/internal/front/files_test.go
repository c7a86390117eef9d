package front

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gastown/deacon/invocation"
)

// A front opens regular files that its arguments name, and waits for nothing.
func TestOpenFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile("text", []byte("hello"), 0o600))
	must(os.Symlink("text", "link"))
	must(os.Symlink("loop", "loop"))
	must(unix.Mkfifo("fifo", 0o600))
	must(os.Mkdir("dir", 0o700))
	for _, c := range []struct {
		path  string
		write bool
		want  string // of the error
	}{
		{"text", false, ""}, {"link", false, ""}, {"./text", false, ""},
		{"none", false, "no such file"}, {"fifo", false, "not a regular file"}, {"dir", false, "not a regular file"}, {"/dev/null", false, "not a regular file"},
		{"loop", false, "too many levels"}, {"text/x", false, "not a directory"},
		{"new", true, ""}, {"text", true, ""}, {"fifo", true, "not a regular file"}, {"dir", true, "not a regular file"}, {"none/x", true, "no such file"},
		{"loop", true, "too many levels"},
	} {
		opened, err := openFiles([]string{"-o", c.path}, 0o022, []invocation.File{{Path: c.path, Write: c.write}})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
		if err == nil {
			if len(opened.descriptors()) != 1 {
				t.Errorf("%+v: %d descriptors", c, len(opened.descriptors()))
			}
			opened.close()
		}
	}
	for _, wanted := range [][]invocation.File{{{Path: "link"}}, {{Path: "text", Write: true}}} {
		if _, err := openFiles([]string{"create", "text"}, 0, wanted); err == nil || !strings.Contains(err.Error(), "no argument names") {
			t.Errorf("%+v: %v", wanted, err)
		}
	}
	if left, _ := filepath.Glob(".*"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if text, err := os.ReadFile("text"); err != nil || string(text) != "hello" {
		t.Errorf("%q, %v", text, err)
	}
}

// What a command wrote appears whole, with the permissions of the former file, and a link is
// replaced and not followed.
func TestFinish(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("text", []byte("former"), 0o604); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod("text", 0o604); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("text", "link"); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"link": 0o604, "new": 0o640} {
		opened, err := openFiles([]string{"-o", name}, 0o027, []invocation.File{{Path: name, Write: true}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := opened.all[0].WriteString("now"); err != nil {
			t.Fatal(err)
		}
		if err := opened.finish(); err != nil {
			t.Fatal(err)
		}
		opened.close()
		info, err := os.Lstat(name)
		if err != nil || info.Mode() != mode || info.Size() != 3 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if text, _ := os.ReadFile("text"); string(text) != "former" {
		t.Errorf("the link was followed: %q", text)
	}
	if left, _ := filepath.Glob(".*"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}
