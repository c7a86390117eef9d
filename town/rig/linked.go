package rig

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// admin is what the clone knows of one linked working tree.
type admin struct {
	dir    string // its git directory
	top    string // where it was last; "" when that cannot be read
	branch string
}

// linked lists the linked working trees that the clone knows.
func (r *Rig) linked() ([]admin, error) {
	dir := filepath.Join(r.repo.Dir(), "worktrees")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	all := make([]admin, 0, len(entries))
	for _, e := range entries {
		a := admin{dir: filepath.Join(dir, e.Name())}
		if at, ok := strings.CutSuffix(firstOf(filepath.Join(a.dir, "gitdir")), "/.git"); ok {
			a.top = at
		}
		a.branch, _ = strings.CutPrefix(strings.TrimSpace(firstOf(filepath.Join(a.dir, "HEAD"))), "ref: refs/heads/")
		all = append(all, a)
	}
	return all, err
}

// maxPlace bounds, in bytes, what is read of a file in which git names a ref or a path.
const maxPlace = 8 << 10

// firstOf is the content of a short file of git's, without a newline at its end; "" if it
// cannot be read, is long, or is a link. Each spawn reads two such files for every tree, so
// it takes three system calls where os.ReadFile takes ten. An agent may have put a pipe
// there, for which nothing may wait.
func firstOf(path string) string {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	var text [maxPlace]byte
	n, err := unix.Read(fd, text[:])
	_ = unix.Close(fd) // nothing was written
	if err != nil || n == len(text) {
		return ""
	}
	return strings.TrimSuffix(string(text[:max(n, 0)]), "\n")
}
