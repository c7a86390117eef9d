package tables

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// VerifyFiles examines every table file of a database and of a mirror without
// touching it, finds an altered one, and leaves nothing behind.
func TestVerifyFiles(t *testing.T) {
	base := t.TempDir()
	dir, mirror, scratch := filepath.Join(base, "plane"), filepath.Join(base, "mirror"), filepath.Join(base, "scratch")
	db := create(t, dir)
	put(t, db, "a", strings.Repeat("a text ", 1000))
	if err := os.Mkdir(mirror, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := db.Push(t.Context(), "origin", mirror); err != nil {
		t.Fatal(err)
	}
	if err := db.GC(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := VerifyFiles(t.Context(), dir, scratch); err != nil {
		t.Errorf("in use: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, where := range []string{dir, mirror} {
		if err := VerifyFiles(t.Context(), where, scratch); err != nil {
			t.Errorf("%s: %v", where, err)
		}
		tables := 0
		err := filepath.WalkDir(where, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !tablePattern.MatchString(e.Name()) || strings.Trim(e.Name(), "v") == "" {
				return err
			}
			tables++
			sound, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			altered := append([]byte(nil), sound...)
			altered[len(altered)/4] ^= 1
			if err := os.WriteFile(path, altered, 0o600); err != nil {
				return err
			}
			if err := VerifyFiles(t.Context(), where, scratch); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s altered: %v", path, err)
			}
			return os.WriteFile(path, sound, 0o600)
		})
		if err != nil || tables == 0 {
			t.Errorf("%s has %d table files, %v", where, tables, err)
		}
		if err := VerifyFiles(t.Context(), where, scratch); err != nil {
			t.Errorf("%s put back: %v", where, err)
		}
	}
	if _, err := os.Lstat(scratch); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the scratch directory stayed")
	}
}
