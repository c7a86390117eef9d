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

// Changes is what people did to the files since the Index was recorded. Each list
// is sorted by kind and name.
type Changes struct {
	Added, Modified, Deleted []Change
	// Invalid files count neither as edits nor as deletions. They are left alone and
	// keep nothing else from going on.
	Invalid []Invalid
	// Rescued texts were left by a killed process and could not get their own names
	// back.
	Rescued []Rescue
	// Refreshed counts the entries of the Index whose times Scan brought up to date
	// while the text is the same, and the directories whose times it recorded. The
	// caller saves the Index unless it is 0.
	Refreshed int
	// Files counts the files that show documents, changed or not.
	Files int

	// heldBytes is how many bytes of texts the changes hold.
	heldBytes int64
}

// Clean reports whether there is nothing to record and nothing to report.
func (c *Changes) Clean() bool {
	return len(c.Added)+len(c.Modified)+len(c.Deleted)+len(c.Invalid)+len(c.Rescued) == 0
}

// Change is one edited file. Record it with [Index.Record].
type Change struct {
	town.Key
	// Deleted: the file is gone. Text, Content and Meta are then zero.
	Deleted bool
	Text    string
	// Unread: Text is empty because all texts together would take too much memory.
	// [Tree.Text] reads it again.
	Unread bool
	// Size is the length of the text in bytes, also when it is Unread.
	Size    int64
	Content town.Digest
	// Base is the digest of the row the edit started from; "" for a new file.
	Base town.Digest
	Meta Meta

	seen stamp
	racy bool
}

// Invalid is a file that cannot be taken as a document.
type Invalid struct {
	// Path is relative to federation/, with forward slashes. It may contain any
	// character except NUL.
	Path string
	// Err says why; its text begins with the path. A *SyntaxError has the line.
	// town.ErrBusy means that somebody was writing to the file.
	Err error
}

// Rescue is a text that no row is known to hold and whose name another text has
// now. It is stored beside that one, and a person decides what becomes of it.
type Rescue struct {
	Key town.Key
	// Path, relative to federation/, is where the text is now.
	Path string
}

// invalid reports a file that cannot be taken as a document.
func (d *dir) invalid(file string, err error) Invalid {
	path := d.path(file)
	if _, ok := errors.AsType[*SyntaxError](err); ok {
		return Invalid{Path: path, Err: err}
	}
	return Invalid{Path: path, Err: fmt.Errorf("%s: %w", town.Clip(path, 120), err)}
}

// wrongType is the error for a name that is not a regular file.
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

// gone reports whether an error says that a name does not exist.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// worker collects what one goroutine of a scan found.
type worker struct {
	added, modified, deleted []Change
	invalid                  []Invalid
	refresh                  []record
	leftovers                []leftover
	files                    int
	unknownNames             bool
}

func (w *worker) into(s *scan) {
	s.found.Added = append(s.found.Added, w.added...)
	s.found.Modified = append(s.found.Modified, w.modified...)
	s.found.Deleted = append(s.found.Deleted, w.deleted...)
	s.found.Invalid = append(s.found.Invalid, w.invalid...)
	s.found.Files += w.files
	s.unknownNames = s.unknownNames || w.unknownNames
	s.refresh = append(s.refresh, w.refresh...)
	s.leftovers = append(s.leftovers, w.leftovers...)
}
