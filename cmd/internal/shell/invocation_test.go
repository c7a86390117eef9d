package shell

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gastown/town"
)

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	hello := func(w io.Writer) error { _, err := io.WriteString(w, "hello"); return err }
	for umask, want := range map[fs.FileMode]fs.FileMode{0o022: 0o644, 0o027: 0o640, 0: 0o666, 0o077: 0o600} {
		i := &Invocation{Dir: dir, Umask: umask}
		name := want.String()
		if err := i.WriteFile(name, hello); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode() != want || info.Size() != 5 {
			t.Errorf("umask %s: %v, %v", umask, info.Mode(), err)
		}
	}
	i := &Invocation{Dir: dir, Umask: 0o022}
	path := filepath.Join(dir, "own")
	if err := errors.Join(os.WriteFile(path, []byte("former"), 0o600), os.Chmod(path, 0o604)); err != nil {
		t.Fatal(err)
	}
	// A write that fails changes nothing and leaves no file behind.
	failed := errors.New("half way")
	if err := i.WriteFile("own", func(w io.Writer) error { return errors.Join(hello(w), failed) }); !errors.Is(err, failed) {
		t.Error(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "former" {
		t.Errorf("%q, %v", text, err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, ".*")); len(names) != 0 {
		t.Errorf("left over: %q", names)
	}
	if err := i.WriteFile("own", hello); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o604 || info.Size() != 5 {
		t.Errorf("%v, %v", info, err)
	}
	for _, bad := range []string{".", "none/x", "own/x", "/dev/null"} {
		for _, err := range []error{i.WriteFile(bad, hello), i.MayWrite(bad)} {
			if err == nil || town.Next(err) == "" || !strings.HasPrefix(err.Error(), "write "+i.Abs(bad)+": ") {
				t.Errorf("%s: %v", bad, err)
			}
		}
	}
	if err := errors.Join(i.MayWrite("own"), i.MayWrite("new")); err != nil {
		t.Error(err)
	}
}
