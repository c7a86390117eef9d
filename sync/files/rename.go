package files

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// place renames a file to a name that must be free. It fails with EEXIST if it is not.
func (d *dir) place(from, to string) error { return d.placeFrom(d.fd, from, to) }

// placeFrom is place for a file of another directory.
func (d *dir) placeFrom(dir int, from, to string) error {
	err := d.renameat2(dir, from, d.fd, to, unix.RENAME_NOREPLACE)
	if !unsupported(err) {
		return err
	}
	// On network file systems: a hard link replaces nothing either.
	err = unix.Linkat(dir, from, d.fd, to, 0)
	switch {
	case err == nil:
		return unix.Unlinkat(dir, from, 0)
	case !unsupported(err) && !errors.Is(err, unix.EPERM):
		return err
	}
	// Without links, all that remains is to look first. A file that another program
	// creates within the same microseconds is overwritten.
	if _, err := lstat(d.fd, to); err == nil {
		return unix.EEXIST
	}
	return unix.Renameat(dir, from, d.fd, to)
}

// exchange exchanges the names of two files. swap is a name made by swapName.
func (d *dir) exchange(swap, file string) error {
	err := d.renameat2(d.fd, swap, d.fd, file, unix.RENAME_EXCHANGE)
	if !unsupported(err) {
		return err
	}
	// Without such an exchange, file first gets a third name, and then swap takes its
	// place. If the process dies in between, recovery treats the third name like swap.
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
		return errors.Join(err, d.undoKeep(keep, file))
	}
	return unix.Renameat(d.fd, keep, d.fd, swap)
}

// undoKeep undoes the first step of an exchange whose second step failed.
func (d *dir) undoKeep(keep, file string) error {
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

// discard removes a hidden file if its text is one of those recorded elsewhere and
// nobody can write to it. It takes a read lease, which the kernel refuses while the
// file is open for writing, reads the file, and unlinks it under the lease. Nobody
// else opens the file, because nobody knows its name. If the text must be
// preserved, discard fails with errWriting or ErrEdited and leaves the file.
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

// mustPreserve reports whether discard refused to remove a text that may exist
// nowhere else. Other errors of discard are failed system calls.
func mustPreserve(err error) bool {
	return errors.Is(err, ErrEdited) || errors.Is(err, errWriting) || errors.Is(err, errTooLarge) || errors.Is(err, errNotRegular)
}

// rescue gives a text whose name is taken another one: FILE.1~, FILE.2~ and so on.
// People know such names as backups, and Scan does not take them for documents.
func (d *dir) rescue(name, file string) (string, error) {
	for n := 1; ; n++ {
		to := fmt.Sprintf("%s.%d~", file, n)
		if err := d.place(name, to); !errors.Is(err, unix.EEXIST) {
			return d.path(to), err
		}
	}
}
