package files

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"gastown/town"
)

// adoption empties a directory that a new one has replaced. It moves to the new
// directory whatever people added or changed in the old one after its files were
// linked into the new one. It removes a name only when the file has another name,
// or when a person replaced or removed the file under that name.
type adoption struct {
	*dir     // the new directory
	from int // descriptor of the old one
	// links has the inode of each file that was linked, by name. It is nil when a
	// process that was killed did the linking.
	links map[string]uint64
	// made has the jobs whose files were written into the new directory, by name.
	made func() map[string]*job

	rescued []Rescue
}

// defaultAdoptions bounds how often the old directory is listed until it is empty.
// Only a program that has it as its working directory can still add files.
const defaultAdoptions = 8

// run empties the old directory and removes it with remove. A program that is about to
// save a file may still put it there after the last listing: then the directory is
// emptied once more.
func (a *adoption) run(ctx context.Context, remove func() error) error {
	if err := a.removals(); err != nil {
		return err
	}
	for range defaultAdoptions {
		found, err := a.empty(ctx)
		if err != nil {
			return err
		}
		if found > 0 {
			continue
		}
		if err := unix.Fsync(a.fd); err != nil {
			return err
		}
		a.between("adopted")
		if err := remove(); !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, unix.EEXIST) {
			return err
		}
	}
	return fmt.Errorf("the former %s: %w: files keep appearing in it", kinds[a.kind].Dir(), unix.ENOTEMPTY)
}

// empty moves or removes each name in the old directory, and returns how many it found.
func (a *adoption) empty(ctx context.Context) (found int, err error) {
	err = eachName(ctx, a.from, func(name string) error {
		found++
		if err := a.adoptName(name); err != nil && !gone(err) {
			return fmt.Errorf("%s: %w", a.path(name), err)
		}
		return nil
	})
	return found, err
}

// removals removes from the new directory the files that somebody removed from the
// old one after they were linked.
func (a *adoption) removals() error {
	for name, ino := range a.links {
		if _, err := lstat(a.from, name); !gone(err) || !a.document(name) {
			continue
		}
		hidden := goneName([32]byte{}, name)
		if st, err := lstat(a.fd, name); err != nil || st.Ino != ino || a.hide(name, hidden) != nil {
			continue
		}
		st, err := lstat(a.fd, hidden)
		if err == nil && st.Ino == ino {
			err = unix.Unlinkat(a.fd, hidden, 0)
		} else if err == nil {
			err = a.restoreName(hidden, name)
		}
		if err != nil && !gone(err) {
			return err
		}
	}
	return nil
}

// document reports whether a file name is that of a document. Only those have
// hidden forms.
func (d *dir) document(file string) bool {
	_, err := town.ParsePath(d.path(file))
	return err == nil
}

// adoptName moves or removes one name of the old directory.
func (a *adoption) adoptName(name string) error {
	old, err := lstat(a.from, name)
	if err != nil {
		return err
	}
	linked := a.links[name] == old.Ino && a.links[name] != 0
	now, err := lstat(a.fd, name)
	switch {
	case gone(err) && !linked:
		if err := a.placeFrom(a.from, name, name); !errors.Is(err, unix.EEXIST) {
			return err
		}
		return nil // somebody took the name; the next round looks again
	case err != nil && !gone(err):
		return err
	case linked, now.Ino == old.Ino && err == nil:
		// The new directory has this file, or somebody replaced or removed it there.
		if old.Mode&unix.S_IFMT == unix.S_IFDIR {
			return errNotRegular
		}
		return unix.Unlinkat(a.from, name, 0)
	case !regular(&old) || !regular(&now) || !a.document(name):
		return a.keepBeside(name)
	case a.links[name] == now.Ino, a.made()[name] != nil, a.links == nil && old.Mtim.Nano() > now.Mtim.Nano():
		return a.replace(name, now.Ino)
	}
	return a.keepBeside(name)
}

// keepBeside moves a file whose name another file has to a name of its own.
func (a *adoption) keepBeside(name string) error {
	for n := 1; ; n++ {
		to := fmt.Sprintf("%s.%d~", name, n)
		err := a.placeFrom(a.from, name, to)
		if errors.Is(err, unix.EEXIST) {
			continue
		}
		if err == nil {
			if key, err := town.ParsePath(a.path(name)); err == nil {
				a.rescued = append(a.rescued, Rescue{Key: key, Path: a.path(to)})
			}
		}
		return err
	}
}

// replace puts a file that somebody wrote in the old directory in place of the
// file of that name in the new one, whose inode is ino.
func (a *adoption) replace(name string, ino uint64) error {
	var wanted [32]byte
	if j := a.made()[name]; j != nil {
		wanted = j.wanted
		j.done, j.skipped = false, ErrEdited
	}
	hidden := goneName(wanted, name)
	if err := a.placeFrom(a.from, name, hidden); errors.Is(err, unix.EEXIST) {
		l, _ := parseHidden(hidden)
		_, err := a.recover([]leftover{l})
		return err // the next round tries again
	} else if err != nil {
		return err
	}
	a.between("adopt")
	if err := a.renameat2(a.fd, hidden, a.fd, name, unix.RENAME_EXCHANGE); err != nil {
		return a.restoreName(hidden, name)
	}
	if a.made()[name] == nil && a.links != nil {
		if st, err := lstat(a.fd, hidden); err == nil && st.Ino == ino {
			return unix.Unlinkat(a.fd, hidden, 0) // the linked file, which somebody replaced
		}
	}
	r, err := a.dropOwn(hidden, name, wanted)
	return a.note(r, err)
}

// restoreName gives a hidden text its own name or, if that is taken, one beside it.
func (a *adoption) restoreName(hidden, name string) error {
	err := a.place(hidden, name)
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	return a.note(a.rescueAs(hidden, name))
}

func (a *adoption) note(r *Rescue, err error) error {
	if r != nil {
		a.rescued = append(a.rescued, *r)
	}
	return err
}
