package guard

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A group may pass what Admit opened, and neither list nor write it; what anybody may pass
// stays as it is.
func TestAdmit(t *testing.T) {
	root := t.TempDir()
	closed, open, listed := filepath.Join(root, "closed"), filepath.Join(root, "open"), filepath.Join(root, "listed")
	for dir, mode := range map[string]fs.FileMode{closed: 0o700, open: 0o755, listed: 0o770} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(root, "link")
	if err := os.Symlink(closed, link); err != nil {
		t.Fatal(err)
	}
	group := os.Getgid()
	is := func(step, dir string, want fs.FileMode) {
		t.Helper()
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm() != want || int(info.Sys().(*syscall.Stat_t).Gid) != group {
			t.Errorf("%s: %s: %v, %v; want %04o", step, dir, info.Mode(), err, want)
		}
	}
	for range 2 {
		if err := Admit(group, link, open, listed); err != nil {
			t.Fatal(err)
		}
		is("admitted", closed, 0o710)
		is("admitted", open, 0o755)
		is("admitted", listed, 0o710)
	}
	if err := Admit(NoGroup, closed, open, listed); err != nil {
		t.Fatal(err)
	}
	is("closed again", closed, 0o700)
	is("closed again", open, 0o755)

	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{file, filepath.Join(root, "missing")} {
		if err := Admit(group, bad); err == nil {
			t.Errorf("%s was let through", bad)
		}
	}
}

// A group's socket has its mode and group, also after it was put back; the one of the owner
// beside it stays the owner's.
func TestGroupSocket(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Admit(os.Getgid(), dir); err != nil {
		t.Fatal(err)
	}
	theirs, err := ListenGroup(filepath.Join(dir, "g"), os.Getgid())
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	ours, err := ListenUnix(filepath.Join(dir, "o"))
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	if err := os.Remove(filepath.Join(dir, "g")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("elsewhere", filepath.Join(dir, "g")); err != nil {
		t.Fatal(err)
	}
	if renewed, err := theirs.Renew(); renewed || err == nil {
		t.Errorf("a link in the socket's place: renewed %v, %v", renewed, err)
	}
	if err := os.Remove(filepath.Join(dir, "g")); err != nil {
		t.Fatal(err)
	}
	if renewed, err := theirs.Renew(); !renewed || err != nil {
		t.Errorf("renewed %v, %v", renewed, err)
	}
	for name, want := range map[string]fs.FileMode{"g": 0o660, "o": 0o600, ".": 0o710} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %04o", name, info.Mode(), err, want)
		}
	}
}
