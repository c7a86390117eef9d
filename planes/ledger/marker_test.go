package ledger

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Each write changes the marker's file. The directory says what it is, and no Git
// repository takes it.
func TestMarker(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".beads")
	m, now := marker(dir), time.Now()
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	m.touch(now)
	first := read(markerFile)
	m.touch(now.Add(time.Nanosecond))
	if second := read(markerFile); second == first || len(second) != len(first) {
		t.Errorf("%q, then %q", first, second)
	}
	if note := read("metadata.json"); !strings.Contains(note, "holds no data") {
		t.Error(note)
	}
	if got := read(".gitignore"); got != "*\n" {
		t.Errorf("%q", got)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if m.touch(now); read(markerFile) == "" {
		t.Error("it did not come back")
	}
}

// What another program has there stays as it is. A marker that was cut off while it was
// made is completed.
func TestMarkerLeavesOthersAlone(t *testing.T) {
	for name, files := range map[string][]string{"the public bd": {"metadata.json", "beads.db"}, "somebody": {"notes"}, "nobody": nil} {
		dir := t.TempDir()
		for _, f := range files {
			if err := os.WriteFile(filepath.Join(dir, f), []byte("theirs"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		marker(dir).touch(time.Now())
		_, err := os.Stat(filepath.Join(dir, markerFile))
		if written := err == nil; written != (files == nil) {
			t.Errorf("%s: written is %v", name, written)
		}
		for _, f := range files {
			if text, err := os.ReadFile(filepath.Join(dir, f)); err != nil || string(text) != "theirs" {
				t.Errorf("%s: %s is %q, %v", name, f, text, err)
			}
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	marker(file).touch(time.Now())
	marker("").touch(time.Now())
}
