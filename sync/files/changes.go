package files

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"

	"gastown/town"
)

// Changes is what people did to the files since the Index was recorded. Each
// list is in the order of kinds and names.
type Changes struct {
	Added, Modified, Deleted []Change
	// Invalid files are neither edits nor deletions: they are reported and left
	// alone, and everything else goes on.
	Invalid []Invalid
	// Rescued texts were found in the remains of a killed process and could
	// not be put back under their own names.
	Rescued []Rescue
	// Refreshed counts entries of the Index that Scan brought up to date though
	// the text is the same, and directories. The caller saves the Index if it is not 0.
	Refreshed int
	// Files counts the files that show documents, changed or not.
	Files int

	// kept is how many bytes of texts are held.
	kept int64
}

// Clean reports that there is nothing to record and nothing to tell.
func (c *Changes) Clean() bool {
	return len(c.Added)+len(c.Modified)+len(c.Deleted)+len(c.Invalid)+len(c.Rescued) == 0
}

// Change is one edited file. Record it with [Index.Record].
type Change struct {
	town.Key
	// Deleted says that there is no file any more; Text, Content and Meta are
	// then zero.
	Deleted bool
	Text    string
	// Unread says that Text was not kept, for all texts together would be too
	// many bytes: [Tree.Text] reads it again. Size is its length in any case.
	Unread  bool
	Size    int64
	Content town.Digest
	// Base is the digest of the row the edit started from; "" if there is none.
	Base town.Digest
	Meta Meta

	seen stamp
	racy bool
}

// Invalid is a file that cannot be taken as a document.
type Invalid struct {
	// Path is relative to federation/, with forward slashes; it may contain
	// any character but NUL.
	Path string
	// Err says why; its text begins with the path. A *SyntaxError has the
	// line; town.ErrBusy means that someone was writing to it.
	Err error
}

// Rescue is a text that was nobody's recorded row and had lost its name to
// another text: it is kept, and a person decides.
type Rescue struct {
	Key town.Key
	// Path, relative to federation/, is where the text is now.
	Path string
}

// invalid builds the report of a file that could not be taken.
func (d *dir) invalid(file string, err error) Invalid {
	path := d.path(file)
	if _, ok := errors.AsType[*SyntaxError](err); ok {
		return Invalid{Path: path, Err: err}
	}
	return Invalid{Path: path, Err: fmt.Errorf("%s: %w", town.Clip(path, 120), err)}
}

// wrongType says what a name is instead of a regular file.
func wrongType(mode uint32) error {
	what := "something else"
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		what = "a directory"
	case unix.S_IFLNK:
		what = "a symbolic link"
	case unix.S_IFIFO:
		what = "a named pipe"
	case unix.S_IFSOCK:
		what = "a socket"
	case unix.S_IFCHR, unix.S_IFBLK:
		what = "a device"
	}
	return fmt.Errorf("%w but %s", errNotRegular, what)
}

func (c *Changes) sort() {
	for _, list := range [][]Change{c.Added, c.Modified, c.Deleted} {
		slices.SortFunc(list, func(a, b Change) int { return compareKeys(a.Key, b.Key) })
	}
	slices.SortFunc(c.Invalid, func(a, b Invalid) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(c.Rescued, func(a, b Rescue) int { return cmp.Compare(a.Path, b.Path) })
}

func compareKeys(a, b town.Key) int {
	return cmp.Or(cmp.Compare(slices.Index(town.Kinds, a.Kind), slices.Index(town.Kinds, b.Kind)), cmp.Compare(a.Name, b.Name))
}

// gone reports that a name is not there.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// worker collects what one goroutine found.
type worker struct {
	added, modified, deleted []Change
	invalid                  []Invalid
	refresh                  []record
	leftovers                []leftover
	files                    int
	strangers                bool
}

func (w *worker) into(s *scan) {
	s.found.Added = append(s.found.Added, w.added...)
	s.found.Modified = append(s.found.Modified, w.modified...)
	s.found.Deleted = append(s.found.Deleted, w.deleted...)
	s.found.Invalid = append(s.found.Invalid, w.invalid...)
	s.found.Files += w.files
	s.strangers = s.strangers || w.strangers
	s.refresh = append(s.refresh, w.refresh...)
	s.leftovers = append(s.leftovers, w.leftovers...)
}
