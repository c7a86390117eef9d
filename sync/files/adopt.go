package files

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"gastown/town"
)

// adoption empties a directory that a new one has replaced. Whatever somebody
// put there, or changed there, since it was linked into the new one goes over;
// nothing is removed that has no other name but what a person has replaced or
// removed under that name.
type adoption struct {
	*dir // the new one
	from int
	// links are the inodes that were linked, by name; nil when another process
	// linked them, which was killed. made are files that were made anew.
	links map[string]uint64
	made  func() map[string]*job

	rescued []Rescue
}

// defaultAdoptions bounds how often the old directory is found to be not empty:
// only a program whose working directory it is can still put files there.
const defaultAdoptions = 8

func (a *adoption) run(ctx context.Context) error {
	if err := a.removals(); err != nil {
		return err
	}
	for range defaultAdoptions {
		found := 0
		err := eachName(ctx, a.from, func(name string) error {
			found++
			if err := a.one(name); err != nil && !gone(err) {
				return fmt.Errorf("%s: %w", a.path(name), err)
			}
			return nil
		})
		if err != nil || found == 0 {
			return err
		}
	}
	return fmt.Errorf("the former %s: %w: files keep appearing in it", kinds[a.kind].Dir(), unix.ENOTEMPTY)
}

// removals removes from the new directory what somebody removed from the old
// one after it was linked.
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
			err = a.settle(hidden, name)
		}
		if err != nil && !gone(err) {
			return err
		}
	}
	return nil
}

// document reports names of documents; only those have hidden forms.
func (d *dir) document(file string) bool {
	_, err := town.ParsePath(d.path(file))
	return err == nil
}

// one decides about one name in the old directory.
func (a *adoption) one(name string) error {
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
		return nil // the next round finds what it is
	case err != nil && !gone(err):
		return err
	case linked, now.Ino == old.Ino && err == nil:
		// It has its name there, or somebody has replaced or removed it there.
		if old.Mode&unix.S_IFMT == unix.S_IFDIR {
			return errNotRegular
		}
		return unix.Unlinkat(a.from, name, 0)
	case !regular(&old) || !regular(&now) || !a.document(name):
		return a.keep(name)
	case a.links[name] == now.Ino, a.made()[name] != nil, a.links == nil && old.Mtim.Nano() > now.Mtim.Nano():
		return a.replace(name, now.Ino)
	}
	return a.keep(name)
}

// keep moves what has the name of something else to a name of its own.
func (a *adoption) keep(name string) error {
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

// replace puts a file of the old directory, which somebody has written there,
// in the place of the one that is in the new one.
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
		return a.settle(hidden, name)
	}
	if a.made()[name] == nil && a.links != nil {
		if st, err := lstat(a.fd, hidden); err == nil && st.Ino == ino {
			return unix.Unlinkat(a.fd, hidden, 0) // what somebody has replaced
		}
	}
	r, err := a.dropOwn(hidden, name, wanted)
	return a.note(r, err)
}

// settle gives a hidden text its name, or one beside it.
func (a *adoption) settle(hidden, name string) error {
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
