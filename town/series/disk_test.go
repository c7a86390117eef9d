package series

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// On a full disk nothing can be kept, which is said; with room again it goes on by itself,
// with what was kept before.
func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=4m,mode=700"); err != nil {
		t.Skip("cannot mount a small file system: ", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(disk, unix.MNT_DETACH) })
	b := newBench(t)
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	b.dir = filepath.Join(disk, "series")
	b.Store = b.another()
	b.gauge.WithLabelValues("web").Set(1)
	fill := func() {
		t.Helper()
		f, err := os.OpenFile(filepath.Join(disk, "filler"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		for size := 1 << 20; err == nil && size > 0; size /= 2 {
			for {
				if _, err := f.Write(make([]byte, size)); err != nil {
					break
				}
			}
		}
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	free := func() {
		t.Helper()
		if err := os.Remove(filepath.Join(disk, "filler")); err != nil {
			t.Fatal(err)
		}
	}
	fill()
	b.Start()
	if err := b.round(); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("it starts on a full disk: %v", err)
	}
	free()
	b.recovered("room again")
	b.rounds(20)
	fill()
	var err error
	for range 10_000 { // until the last page of the log is full
		if err = b.round(); err != nil {
			break
		}
	}
	if !errors.Is(err, unix.ENOSPC) || !errors.Is(b.Problem(), unix.ENOSPC) || !strings.Contains(b.log.String(), "figures could not be written") {
		t.Errorf("the disk becomes full: %v, %v\n%s", err, b.Problem(), b.log)
	}
	for range 5 { // it goes on trying
		b.clock.add(time.Minute)
		if err := b.round(); err == nil {
			t.Error("a full disk takes figures")
		}
	}
	free()
	b.recovered("room again")
	if got := b.value(b, "count_over_time(polecat_stuck[2d])"); got < 20 {
		t.Errorf("%v samples of before are there", got)
	}
	if moved, err := os.ReadDir(Aside(b.dir)); err == nil && len(moved) > 1 {
		t.Errorf("a full disk put %d things aside", len(moved))
	}
}
