package plugin

import (
	"os"
	"path/filepath"
	"testing"
)

// The files of a plugin are replaced; what is hidden beside them stays, and a plugin that is
// installed from its own place is left as it is.
func TestWriteFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "plugins[1]", "tidy")
	put := func(from string, files map[string][]byte) {
		t.Helper()
		if err := writeFiles(from, dir, files); err != nil {
			t.Fatal(err)
		}
	}
	has := func(name, want string) {
		t.Helper()
		if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != want || (want == "") != (err != nil) {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
	put("", map[string][]byte{"run.sh": []byte("1"), "lib/a.sh": []byte("a")})
	if err := os.MkdirAll(filepath.Join(dir, ".git"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".git", "x"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".env", ".more.sh"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(t.TempDir(), map[string][]byte{"run.sh": []byte("2"), ".more.sh": []byte("new")})
	has("run.sh", "2")
	has("lib/a.sh", "")
	has(".git/x", "x")
	has(".env", "mine")
	has(".more.sh", "new")
	put(dir, map[string][]byte{"run.sh": []byte("3")})
	has("run.sh", "2")
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(dir)), "*", ".new-*")); err != nil || len(left) != 0 {
		t.Errorf("%v is left (%v)", left, err)
	}
	// A link to a directory elsewhere is replaced, and the directory is left as it is.
	elsewhere := t.TempDir()
	if err := os.WriteFile(filepath.Join(elsewhere, ".keep"), []byte("k"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, dir); err != nil {
		t.Fatal(err)
	}
	put("", map[string][]byte{"run.sh": []byte("4")})
	has("run.sh", "4")
	if _, err := os.Stat(filepath.Join(elsewhere, ".keep")); err != nil {
		t.Error(err)
	}
}
