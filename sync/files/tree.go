package files

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"gastown/town"
)

// dirMode is the mode of new directories, before the umask.
const dirMode = 0o755

// Tree is a Town's federation/ directory. It is held open, so everything is read and
// written in that directory whatever happens to the paths above it. Close it.
type Tree struct {
	path string
	root *os.File

	// Tests replace renameat2 to be a file system that lacks it, and between to act at
	// a named moment of an Apply or Scan.
	renameat2 func(oldDir int, oldName string, newDir int, newName string, flags uint) error
	between   func(moment string)
	// textBytes bounds the texts that a Scan holds.
	textBytes int64
}

// Open opens the directory, which must exist and must not be a symbolic link. The
// three directories in it are opened as needed; Apply makes missing ones.
func Open(path string) (*Tree, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	switch {
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR):
		return nil, town.Fail("open the Town's files", "put a directory in its place", "%s is a symbolic link or not a directory", path)
	case errors.Is(err, os.ErrNotExist):
		return nil, town.Fail("open the Town's files", "repair the Town with gt install", "%w", err)
	case err != nil:
		return nil, town.Fail("open the Town's files", "give this user the right to read it", "%w", err)
	}
	return &Tree{path: path, root: f, renameat2: unix.Renameat2, between: func(string) {}, textBytes: defaultTextBytes}, nil
}

// Close closes the directory.
func (t *Tree) Close() error { return t.root.Close() }

var errNoDirectory = errors.New("is a symbolic link or not a directory, so nothing in it was read or written")

// dir is one of the three directories, held open.
type dir struct {
	*Tree
	fd   int
	kind uint8
	// renewed: a new directory took the place of the one that was opened first.
	renewed bool
	// paused is for how long reads have waited for programs that write, in nanoseconds.
	paused atomic.Int64
}

// open opens the directory of a kind. If there is none, it makes it or, without make,
// fails with os.ErrNotExist. It fails with errNoDirectory when something else is in
// its place.
func (t *Tree) open(kind uint8, make bool) (*dir, error) {
	name := kinds[kind].Dir()
	fd, err := openat(int(t.root.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if make && errors.Is(err, unix.ENOENT) {
		if err := unix.Mkdirat(int(t.root.Fd()), name, dirMode); err != nil && !errors.Is(err, unix.EEXIST) {
			return nil, fmt.Errorf("make %s/%s: %w", t.path, name, err)
		}
		fd, err = openat(int(t.root.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	}
	switch {
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR):
		return nil, fmt.Errorf("%s/%s %w", t.path, name, errNoDirectory)
	case err != nil:
		return nil, fmt.Errorf("open %s/%s: %w", t.path, name, err)
	}
	return &dir{Tree: t, fd: fd, kind: kind}, nil
}

func (d *dir) close() { unix.Close(d.fd) }

// current reports whether the directory still has its name.
func (d *dir) current() bool {
	var open unix.Stat_t
	named, err := lstat(int(d.root.Fd()), kinds[d.kind].Dir())
	return err == nil && unix.Fstat(d.fd, &open) == nil && open.Dev == named.Dev && open.Ino == named.Ino
}

// path is the path of a file of this directory as messages have it.
func (d *dir) path(file string) string { return kinds[d.kind].Dir() + "/" + file }

// file is the name of a document's file.
func (d *dir) file(name string) string { return name + kinds[d.kind].Suffix() }
