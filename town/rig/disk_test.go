package rig

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// On a full disk an addition and a rescue fail and leave everything as it was. With room
// again they work.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root mounts a small disk")
	}
	disk := filepath.Join(t.TempDir(), "disk")
	must(t, os.Mkdir(disk, 0o700))
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=4m,mode=700"); err != nil {
		t.Skipf("mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(disk, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(disk, "ballast")
	fill := func() {
		var st unix.Statfs_t
		must(t, unix.Statfs(disk, &st))
		f, err := os.Create(ballast)
		must(t, err)
		must(t, unix.Fallocate(int(f.Fd()), 0, 0, int64(st.Bavail)*st.Bsize))
		must(t, f.Close())
	}
	url := remote(t)
	y := yard(t)
	y.Dir = filepath.Join(disk, "rigs")
	must(t, os.Mkdir(y.Dir, 0o700))
	fill()
	if _, err := y.Add(t.Context(), Adding{Settings: Settings{Name: "web", URL: url}}); err == nil {
		t.Fatal("it was added on a full disk")
	}
	if entries, err := os.ReadDir(y.Dir); err != nil || len(entries) > 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
	must(t, os.Remove(ballast))
	if _, err := y.Add(t.Context(), Adding{Settings: Settings{Name: "web", URL: url}}); err != nil {
		t.Fatal(err)
	}
	r, err := y.Open("web")
	must(t, err)
	s := prepare(t, r, "nux", "polecat/nux/web-1")
	write(t, filepath.Join(s.Dir, "new"), "new\n")
	before := git(t, s.Dir, "status", "--porcelain")
	fill()
	if saved, err := r.Rescue(t.Context(), s, "a test"); err == nil {
		t.Errorf("it was saved on a full disk: %+v", saved)
	}
	if _, err := r.Prepare(t.Context(), Want{Name: "ace", Branch: "polecat/ace/web-2", Fresh: -1}); err == nil {
		t.Error("a sandbox was made on a full disk")
	}
	if err := r.Remove(t.Context(), s); err == nil {
		t.Error("it was removed")
	}
	must(t, os.Remove(ballast))
	if after := git(t, s.Dir, "status", "--porcelain"); after != before {
		t.Errorf("status was %q and is %q", before, after)
	}
	if _, err := r.Rescue(t.Context(), s, "a test"); err != nil {
		t.Fatal(err)
	}
	prepare(t, r, "ace", "polecat/ace/web-2")
	must(t, r.Sweep(t.Context()))
	nothingLeft(t, r)
}
