// Package built keeps programs that tests build, so that each is built once.
package built

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// poll is the pause between two looks while another process builds.
const poll = 200 * time.Millisecond

// Program sees to it that there is a program at path, in a directory that it makes if it is
// missing. build is called if there is none: it makes the program, under the same base name,
// in an empty directory. Processes that call Program at the same time share one build.
func Program(ctx context.Context, path string, build func(dir string) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	lock := flock.New(path + ".lock")
	if _, err := lock.TryLockContext(ctx, poll); err != nil {
		return fmt.Errorf("wait for another build: %w", err)
	}
	defer lock.Close() // releases the lock; nothing was written
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		return nil
	}
	// The lock protects this one fixed name, at which an interrupted build may have left some.
	unfinished := path + ".unfinished"
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	if err := os.Mkdir(unfinished, 0o700); err != nil {
		return err
	}
	if err := build(unfinished); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(unfinished, filepath.Base(path)), path); err != nil {
		return err
	}
	return os.RemoveAll(unfinished)
}
