package files

import (
	"errors"

	"golang.org/x/sys/unix"

	"gastown/town"
)

// outcome is what became of one write.
type outcome struct {
	done    bool
	skipped error   // why the file was left alone
	rescued *Rescue // a text that lost its name on the way
	// overtaken: somebody made the file while this process was making it.
	overtaken bool
}

// defaultPutBacks is how often an edit is given its name back while other programs
// create and remove that name. After that the text gets another name.
const defaultPutBacks = 8

// create gives a complete temporary file the name of a new file.
func (d *dir) create(temp, file string) (outcome, error) {
	err := d.place(temp, file)
	if errors.Is(err, unix.EEXIST) {
		return outcome{skipped: ErrEdited}, unix.Unlinkat(d.fd, temp, 0)
	}
	return outcome{done: err == nil}, err
}

// replace puts a complete temporary file with the text wanted in the place of file,
// whose text must be expect. It exchanges the two names and examines only then what
// was replaced. If that is not expect, or somebody has it open for writing, it
// exchanges the names back.
func (d *dir) replace(temp, file string, wanted, expect [32]byte) (outcome, error) {
	swap := swapName(wanted, expect, file)
	if err := d.hide(temp, swap); err != nil {
		return outcome{}, err
	}
	d.between("exchange")
	if err := d.exchange(swap, file); err != nil {
		if gone(err) { // somebody removed the file, which is an edit too
			return outcome{skipped: ErrEdited}, d.discard(swap, wanted)
		}
		return outcome{}, errors.Join(err, d.discard(swap, wanted))
	}
	d.between("exchanged")
	why := d.discard(swap, expect, wanted)
	if why == nil {
		return outcome{done: true}, nil
	}
	out := outcome{skipped: reason(why)}
	rescued, err := d.putBack(swap, file, wanted)
	out.rescued = rescued
	if err == nil && !mustPreserve(why) {
		err = why // a call failed; the file is as it was
	}
	return out, err
}

// putBack gives an edit that has a swap name its own name back.
func (d *dir) putBack(swap, file string, wanted [32]byte) (*Rescue, error) {
	for range defaultPutBacks {
		d.between("put back")
		err := d.exchange(swap, file)
		if err == nil {
			return d.dropOwn(swap, file, wanted)
		}
		if !gone(err) {
			return nil, err
		}
		// Somebody removed our text meanwhile, so the name is free.
		if err = d.place(swap, file); !errors.Is(err, unix.EEXIST) {
			return nil, err
		}
	}
	return d.rescueAs(swap, file)
}

// dropOwn removes the file that had the name before an edit got it back. It should
// have our own text, wanted. If it does not, somebody edited it in that instant: the
// newer of the two edits gets the name, and the other one is rescued.
func (d *dir) dropOwn(swap, file string, wanted [32]byte) (*Rescue, error) {
	if err := d.discard(swap, wanted); err == nil || !mustPreserve(err) {
		return nil, err
	}
	newer, err := d.newerThan(swap, file)
	if err != nil {
		return nil, err
	}
	if newer {
		if err := d.exchange(swap, file); gone(err) {
			err = d.place(swap, file)
			if !errors.Is(err, unix.EEXIST) {
				return nil, err
			}
		} else if err != nil {
			return nil, err
		}
	}
	return d.rescueAs(swap, file)
}

// newerThan reports whether file a was written after file b.
func (d *dir) newerThan(a, b string) (bool, error) {
	sa, err := lstat(d.fd, a)
	if err != nil {
		return false, err
	}
	sb, err := lstat(d.fd, b)
	if gone(err) {
		return true, nil
	}
	return sa.Mtim.Nano() > sb.Mtim.Nano(), err
}

func (d *dir) rescueAs(name, file string) (*Rescue, error) {
	path, err := d.rescue(name, file)
	if err != nil {
		return nil, err
	}
	key, err := town.ParsePath(d.path(file))
	return &Rescue{Key: key, Path: path}, err
}

// hide gives a file a hidden name. If a killed process left a file of that name, it
// resolves that one first.
func (d *dir) hide(file, hidden string) error {
	err := d.place(file, hidden)
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	l, _ := parseHidden(hidden)
	if _, err := d.recover([]leftover{l}); err != nil {
		return err
	}
	return d.place(file, hidden)
}

// remove removes file if its text is expect.
func (d *dir) remove(file string, expect [32]byte) (outcome, error) {
	hidden := goneName(expect, file)
	if err := d.hide(file, hidden); err != nil {
		if gone(err) {
			return outcome{done: true}, nil
		}
		return outcome{}, err
	}
	d.between("removed")
	why := d.discard(hidden, expect)
	if why == nil {
		return outcome{done: true}, nil
	}
	out := outcome{skipped: reason(why)}
	err := d.place(hidden, file)
	if errors.Is(err, unix.EEXIST) {
		out.rescued, err = d.rescueAs(hidden, file)
	}
	if err == nil && !mustPreserve(why) {
		err = why
	}
	return out, err
}

// reason turns the error of discard into one that callers may test for.
func reason(err error) error {
	if errors.Is(err, errWriting) {
		return err
	}
	return ErrEdited
}
