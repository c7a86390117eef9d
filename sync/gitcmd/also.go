package gitcmd

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// A ref that may be missing at the remote cannot be asked for by name: git then
// fetches nothing at all. A pattern may match nothing. It may also match more
// than the one ref, which is dropped again.

// prepareAlso clears what a former fetch may have left and returns the pattern.
func (r *Repo) prepareAlso(s FetchSpec) (refspec string, err error) {
	for _, ref := range []string{s.Also, s.AlsoInto} {
		if err := CheckRef(ref); err != nil {
			return "", err
		}
	}
	if err := r.dropAlso(s.AlsoInto, ""); err != nil {
		return "", err
	}
	return "+" + s.Also + "*:" + s.AlsoInto + "*", nil
}

// takeAlso reads the second ref and drops the others that came with it.
func (r *Repo) takeAlso(s FetchSpec) (id string, err error) {
	if err := r.dropAlso(s.AlsoInto, filepath.Base(filepath.FromSlash(s.AlsoInto))); err != nil {
		return "", err
	}
	return r.Ref(s.AlsoInto)
}

// dropAlso removes what the pattern matched, but for the file of the name keep.
func (r *Repo) dropAlso(into, keep string) error {
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
