// Package gittest helps tests that kill git.
package gittest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// AgeLocks makes the locks below a git directory as old as those of a git that was killed
// long ago. One that was killed a moment ago looks as if it were still at work, so gt
// leaves its locks for a minute.
func AgeLocks(t testing.TB, dir string) {
	t.Helper()
	past := time.Now().Add(-time.Hour)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.HasSuffix(path, ".lock") {
			err = os.Chtimes(path, past, past)
		}
		if errors.Is(err, fs.ErrNotExist) { // a git has just ended
			return nil
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
