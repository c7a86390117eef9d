package files

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// place gives a file a name nobody has; it reports EEXIST when somebody does.
func (d *dir) place(from, to string) error { return d.placeFrom(d.fd, from, to) }

// placeFrom is place for a file of another directory.
func (d *dir) placeFrom(dir int, from, to string) error {
	err := d.renameat2(dir, from, d.fd, to, unix.RENAME_NOREPLACE)
	if !unsupported(err) {
		return err
	}
	// Network file systems: a hard link does not replace either.
	err = unix.Linkat(dir, from, d.fd, to, 0)
	switch {
	case err == nil:
		return unix.Unlinkat(dir, from, 0)
	case !unsupported(err) && !errors.Is(err, unix.EPERM):
		return err
	}
	// No links either: look first. Two programs that create the same file in
	// the same microseconds are not told apart here.
	if _, err := lstat(d.fd, to); err == nil {
		return unix.EEXIST
	}
	return unix.Renameat(dir, from, d.fd, to)
}

// exchange lets swap, a name made by swapName, and file change places.
func (d *dir) exchange(swap, file string) error {
	err := d.renameat2(d.fd, swap, d.fd, file, unix.RENAME_EXCHANGE)
	if !unsupported(err) {
		return err
	}
	// Keep what file is under a third name first, then put swap over it. If the
	// process dies in between, recovery treats that name as it does swap's.
	keep := keepPrefix + strings.TrimPrefix(swap, swapPrefix)
	err = unix.Linkat(d.fd, file, d.fd, keep, 0)
	if err == nil {
		d.between("kept")
		err = unix.Renameat(d.fd, swap, d.fd, file)
	} else if unsupported(err) || errors.Is(err, unix.EPERM) {
		if err = d.place(file, keep); err == nil {
			err = d.place(swap, file)
		}
	}
	if err != nil {
		return errors.Join(err, d.restoreKept(keep, file))
	}
	return unix.Renameat(d.fd, keep, d.fd, swap)
}

// restoreKept undoes the first half of an exchange whose second half failed.
func (d *dir) restoreKept(keep, file string) error {
	err := d.place(keep, file)
	if gone(err) {
		return nil
	}
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	if d.sameFile(keep, file) {
		return unix.Unlinkat(d.fd, keep, 0) // the link alone
	}
	_, err = d.rescue(keep, file)
	return err
}

// discard removes a hidden name if its text is one of those recorded elsewhere
// and nobody can be writing to it: it takes a read lease, which the kernel
// refuses while the file is open for writing, reads, and unlinks under the
// lease. Nobody new can open the file, for nobody knows the name. It reports
// errWriting or ErrEdited, and leaves the file, when the text must be kept.
func (d *dir) discard(name string, recorded ...[32]byte) error {
	fd, err := d.openRegular(name)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	text, _, err := readQuiet(fd)
	if err != nil {
		return err
	}
	for sum := sum256(text); len(recorded) > 0; recorded = recorded[1:] {
		if recorded[0] == sum {
			return unix.Unlinkat(d.fd, name, 0)
		}
	}
	return ErrEdited
}

// kept reports that discard refused for the text's sake, not that a call failed.
func kept(err error) bool {
	return errors.Is(err, ErrEdited) || errors.Is(err, errWriting) || errors.Is(err, errTooLarge) || errors.Is(err, errNotRegular)
}

// rescue keeps a text whose name another text has: FILE.1~, FILE.2~ and so on,
// names that people know for backups and Scan does not take for documents.
func (d *dir) rescue(name, file string) (string, error) {
	for n := 1; ; n++ {
		to := fmt.Sprintf("%s.%d~", file, n)
		if err := d.place(name, to); !errors.Is(err, unix.EEXIST) {
			return d.path(to), err
		}
	}
}
