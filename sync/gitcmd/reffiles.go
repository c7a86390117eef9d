package gitcmd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxPacked bounds the file of packed refs that RefFiles reads, in bytes.
const maxPacked = 4 << 20

// RefFiles are the values of full refs, read from git's files without a process; "" for
// each that does not exist. Whether their objects exist is not checked. ok is false where
// only git can tell: with another storage of refs, a symbolic ref, or a file that is not
// what git writes.
func (s *Shared) RefFiles(refs ...string) (ids []string, ok bool) {
	if _, err := os.Lstat(filepath.Join(s.repo.Dir, "reftable")); !errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	missing := map[string]int{}
	for i, ref := range refs {
		if checkFullRef(ref) != nil {
			return nil, false
		}
		id, err := smallFile(filepath.Join(s.repo.Dir, filepath.FromSlash(ref)))
		switch {
		case err == nil && IsID(id):
		case errors.Is(err, fs.ErrNotExist):
			missing[ref] = i
		default:
			return nil, false
		}
		ids = append(ids, id)
	}
	if len(missing) == 0 {
		return ids, true
	}
	// Git packs a ref before it removes the file, so the packed refs are read second.
	packed := filepath.Join(s.repo.Dir, "packed-refs")
	info, err := os.Lstat(packed)
	if errors.Is(err, fs.ErrNotExist) {
		return ids, true
	}
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxPacked {
		return nil, false
	}
	text, err := os.ReadFile(packed)
	if err != nil {
		return nil, false
	}
	for line := range strings.Lines(string(text)) {
		id, ref, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if i, wanted := missing[ref]; wanted {
			if !IsID(id) {
				return nil, false
			}
			ids[i] = id
		}
	}
	return ids, true
}
