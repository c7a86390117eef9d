package backup

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// With little or no room on the disk, a run fails or succeeds, and nothing that was there
// is lost: the Town is the old one or the new one, and every point that is listed is
// whole. With room again everything works.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root mounts a small disk")
	}
	disk := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=24m,mode=700"); err != nil {
		t.Skipf("mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(disk, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	h := newHarnessIn(t, disk)
	h.write("federation/roles/a.md", "meant")
	h.take(Files)
	first := h.take(Databases).Point
	if _, err := h.Verify(t.Context(), h.to(), first.Name, true); err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(disk, "ballast")
	fill := func(left int64) {
		var st unix.Statfs_t
		if err := unix.Statfs(disk, &st); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(ballast)
		if err != nil {
			t.Fatal(err)
		}
		if n := int64(st.Bavail)*st.Bsize - left; n > 0 {
			if err := unix.Fallocate(int(f.Fd()), 0, 0, n); err != nil {
				t.Fatal(err)
			}
		}
		_ = f.Close()
	}
	histories := *histories
	if testing.Short() {
		histories = 12
	}
	failed := 0
	for n := range histories {
		h.put(fmt.Sprint("row ", n))
		want := h.names("ledger")
		fill(rand.Int64N(80 << 10))
		var err error
		what := []string{"take", "verify", "restore", "prune", "files"}[rand.IntN(5)]
		switch what {
		case "take":
			var all []Taken
			if all, err = h.Take(t.Context(), Databases, true); err == nil {
				err = all[0].Err
			}
		case "verify":
			_, err = h.Verify(t.Context(), h.to(), first.Name, true)
		case "restore":
			var e Entry
			if e, err = h.Choose(t.Context(), h.to(), Databases, first.Name, h.now); err == nil {
				if _, err = h.Restore(t.Context(), h.to(), e, ""); err == nil {
					want = []string{"first"}
				}
			}
		case "files":
			h.write("federation/roles/a.md", "not meant")
			var e Entry
			if e, err = h.Choose(t.Context(), h.to(), Files, "", time.Time{}); err == nil {
				_, err = h.RestoreFiles(t.Context(), h.to(), e, false)
			}
		case "prune":
			_, err = h.Prune(t.Context())
		}
		if err != nil {
			failed++
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		equal(t, h.names("ledger"), want...)
		equal(t, h.names("operational"), want...)
		restored := err == nil && what == "files"
		if _, err := h.Prune(t.Context()); err != nil { // any use of the keeper finishes what had begun
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(h.Root, "federation/roles/a.md"))
		if err != nil || string(text) != "meant" && (string(text) != "not meant" || restored) {
			t.Fatalf("after %s: the file is %q, %v", what, text, err)
		}
		all, err := h.List(t.Context(), h.to())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			if e.Fault != nil {
				t.Errorf("after %s: %v", what, e.Fault)
			}
		}
		if err := os.RemoveAll(h.Retired); err != nil {
			t.Fatal(err)
		}
	}
	h.put("last")
	for _, name := range []string{first.Name, h.take(Databases).Point.Name} {
		if _, err := h.Verify(t.Context(), h.to(), name, true); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d of %d runs failed", failed, histories)
	if failed == 0 {
		t.Error("none failed")
	}
}
