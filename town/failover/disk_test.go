package failover

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"gastown/town"
	"gastown/town/instance"
)

// smallDisk mounts a disk of so many MiB. fill leaves so many bytes of it until empty is
// called.
func smallDisk(t *testing.T, mib string) (dir string, fill func(free int64) (empty func())) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root mounts a small disk")
	}
	dir = filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+mib+"m,mode=700"); err != nil {
		t.Skipf("mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir, func(free int64) func() {
		t.Helper()
		var st unix.Statfs_t
		if err := unix.Statfs(dir, &st); err != nil {
			t.Fatal(err)
		}
		ballast := filepath.Join(dir, "ballast")
		f, err := os.Create(ballast)
		if err != nil {
			t.Fatal(err)
		}
		if n := int64(st.Bavail)*st.Bsize - free; n > 0 {
			err = unix.Fallocate(int(f.Fd()), 0, 0, n)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A promotion that meets a full disk, wherever it does, leaves a directory that does not
// act, or one that is promoted; the Town is whole, and with room again the promotion goes on,
// in the same epoch.
func TestPromoteOnAFullDisk(t *testing.T) {
	disk, fill := smallDisk(t, "64")
	root := found(t)
	hub := filepath.Join(root, "hub.git")
	shell(t, "cp", "-a", filepath.Join(root, "a"), disk)
	if err := os.Symlink(hub, filepath.Join(disk, "hub.git")); err != nil { // the remote has room
		t.Fatal(err)
	}
	a := newHost(disk, "a")
	if err := a.mend(); err != nil {
		t.Fatal(err)
	}
	if err := a.Engine.Agree(t.Context(), a.Remotes[0]); err != nil {
		t.Fatal(err)
	}
	b := copied(t, disk, "b")
	if _, err := a.Promote(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	in, err := a.Engine.Instance(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	epoch := in.Entry.Epoch
	points := 16
	if *histories > 50 {
		points = 200
	}
	failed, unpublished := 0, 0
	for n := range points {
		who, other := b, a
		if n%2 == 1 {
			who, other = a, b
		}
		// The other one speaks, and this one knows.
		if err := errors.Join(other.exchange(t.Context()), who.exchange(t.Context())); err != nil && !errors.Is(err, town.ErrRefused) {
			t.Fatal(err)
		}
		empty := fill(rand.Int64N(400 << 10))
		done, err := who.Promote(t.Context(), true)
		empty()
		if err != nil {
			failed++
			if who.role(t) == instance.Active {
				if in, ierr := who.Engine.Instance(t.Context()); ierr != nil || in.Entry.Instance != in.Instance {
					t.Fatalf("point %d: it failed (%v), and acts: %+v, %v", n, err, in, ierr)
				}
			}
			if done, err = who.Promote(t.Context(), true); err != nil {
				t.Fatalf("point %d, with room again: %v", n, err)
			}
		}
		if !done.Already && len(done.Published) == 0 {
			unpublished++ // force: the next publication brings it
		}
		if err := who.exchange(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := other.exchange(t.Context()); err != nil && !errors.Is(err, town.ErrRefused) {
			t.Fatal(err)
		}
		epoch++
		in, ierr := who.Engine.Instance(t.Context())
		if ierr != nil || in.Entry.Epoch != epoch || in.Entry.Instance != in.Instance || who.role(t) != instance.Active || other.role(t) == instance.Active {
			t.Fatalf("point %d: epoch %d, want %d; %s and %s; %v", n, in.Entry.Epoch, epoch, who.role(t), other.role(t), ierr)
		}
		if !who.has("first") || !other.has("first") {
			t.Errorf("point %d: a document is gone", n)
		}
	}
	t.Logf("%d of %d promotions failed, %d were not published at once", failed, points, unpublished)
	if failed == 0 {
		t.Error("none failed")
	}
}
