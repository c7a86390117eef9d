package gitcmd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// staleLock is how old a lock of git's must be before it counts as left by a git that
// was killed. Git holds the locks of refs for moments.
const staleLock = time.Minute

// ClearLocks removes locks on refs and on the configuration that killed git processes
// left. With refs it looks at those refs only.
func (s *Shared) ClearLocks(now time.Time, refs ...string) error {
	locks := []string{"packed-refs.lock", "config.lock", "HEAD.lock", "shallow.lock"}
	for _, ref := range refs {
		if err := checkFullRef(ref); err != nil {
			return err
		}
		locks = append(locks, filepath.FromSlash(ref)+".lock")
	}
	var errs []error
	for _, name := range locks {
		errs = append(errs, clearLock(filepath.Join(s.repo.Dir, name), now))
	}
	if len(refs) > 0 {
		return errors.Join(errs...)
	}
	return errors.Join(append(errs, filepath.WalkDir(filepath.Join(s.repo.Dir, "refs"), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".lock") {
			err = clearLock(path, now)
		}
		return err
	}))...)
}

func clearLock(path string, now time.Time) error {
	info, err := os.Lstat(path)
	if err == nil && info.Mode().IsRegular() && now.Sub(info.ModTime()) >= staleLock {
		err = os.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
