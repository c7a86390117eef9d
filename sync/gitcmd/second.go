package gitcmd

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// A ref that may be missing at the remote cannot be fetched by name: git would
// then fetch nothing at all. So it is fetched by a pattern, which may match
// nothing. A pattern may also match other refs; those are dropped afterwards.

// prepareSecond removes the leftovers of an earlier fetch and returns the pattern.
func (r *Repo) prepareSecond(s FetchSpec) (refspec string, err error) {
	for _, ref := range []string{s.Second, s.SecondInto} {
		if err := CheckRef(ref); err != nil {
			return "", err
		}
	}
	if err := r.dropSecond(s.SecondInto, ""); err != nil {
		return "", err
	}
	return "+" + s.Second + "*:" + s.SecondInto + "*", nil
}

// takeSecond reads the second ref and drops the others that came with it.
func (r *Repo) takeSecond(s FetchSpec) (id string, err error) {
	if err := r.dropSecond(s.SecondInto, filepath.Base(filepath.FromSlash(s.SecondInto))); err != nil {
		return "", err
	}
	return r.Ref(s.SecondInto)
}

// dropSecond removes every ref that the pattern matched, except the file named
// keep.
func (r *Repo) dropSecond(into, keep string) error {
	dir, base := filepath.Split(filepath.Join(r.Dir, filepath.FromSlash(into)))
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), base) || e.Name() == keep && e.Type().IsRegular() {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
