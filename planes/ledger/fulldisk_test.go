package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// smallDisk mounts a file system of so many bytes.
func smallDisk(t *testing.T, bytes int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may mount a disk")
	}
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", bytes)); err != nil {
		t.Skipf("mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill leaves so many bytes free on a disk until empty is called.
func fill(t *testing.T, disk string, free int64) (empty func()) {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(disk, &st); err != nil {
		t.Fatal(err)
	}
	f, err := os.CreateTemp(disk, "ballast")
	if err != nil {
		t.Fatal(err)
	}
	if size := int64(st.Bavail)*st.Bsize - free; size > 0 {
		err = unix.Fallocate(int(f.Fd()), 0, 0, size)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return func() { _ = os.Remove(f.Name()) }
}

// On a full disk a change is either made and reported as made, or neither, whether
// or not the generation file has room.
func TestAFullDiskAndTheAnswerAgree(t *testing.T) {
	disk := smallDisk(t, 64<<20)
	dir := filepath.Join(disk, "data", "ledger")
	s, err := Create(t.Context(), options(dir), uuid)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	made := 0
	// A page at a time: a write that fails keeps its page, so in the end there would be
	// just enough for the commit, and not for what follows it.
	const page = 4 << 10
	for range 24 {
		if s.fingerprint.generation != nil {
			if err := s.fingerprint.generation.Truncate(0); err != nil {
				t.Fatal(err)
			}
		}
		empty := fill(t, disk, page)
		_, err := s.Create(t.Context(), []NewBead{titled("made once")})
		if err == nil {
			made++
		}
		if st, serr := s.Stats(t.Context()); serr != nil || st.Total != made {
			t.Errorf("%d beads after %d were made, %v; create: %v", st.Total, made, serr, err)
			made = st.Total
		}
		empty()
	}
	create(t, s, titled("with room again"))
	made++
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(t.Context(), options(dir), uuid); err != nil {
		t.Fatal(err)
	}
	if st, err := s.Stats(t.Context()); err != nil || st.Total != made {
		t.Errorf("opened anew it has %d beads, and %d were made; %v", st.Total, made, err)
	}
	create(t, s, titled("after it"))
}

// A change whose generation file cannot be written succeeds, and caches in another
// process do not outlive it.
func TestAGenerationFileWithoutRoom(t *testing.T) {
	s := newLedger(t)
	if s.fingerprint.generation == nil {
		return // another server's database has none
	}
	disk := smallDisk(t, 1<<20)
	file := filepath.Join(disk, "generation")
	path := s.Dir() + generationSuffix
	if err := errors.Join(os.Remove(path), os.WriteFile(file, nil, 0o600), os.Symlink(file, path)); err != nil {
		t.Fatal(err)
	}
	fill(t, disk, 0)
	f, err := openFingerprint(options(s.Dir()))
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	writer := s.As(Session{Actor: s.Actor()})
	writer.fingerprint = f
	reader := second(t, s)
	for i := range 5 {
		before, _, err := f.ofFiles()
		if err != nil {
			t.Fatal(err)
		}
		create(t, writer, titled("one more"))
		for range 2 {
			if st, err := reader.Stats(t.Context()); err != nil || st.Total != i+1 {
				t.Errorf("%d beads, want %d; %v", st.Total, i+1, err)
			}
		}
		if after, settled, err := f.ofFiles(); err != nil || after == before || !settled {
			t.Errorf("the state was %s and is %s; settled: %v; %v", before, after, settled, err)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Size() != 0 {
		t.Errorf("the file was written: %v", err)
	}
}
