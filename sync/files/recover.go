package files

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"gastown/town"
)

// recoverIfIdle resolves leftovers unless another process is at work, whose
// they may be. done is false if nothing was touched.
func (d *dir) recoverIfIdle(ctx context.Context, found []leftover) (rescued []Rescue, done bool, err error) {
	release, err := d.lock(ctx, false)
	if errors.Is(err, town.ErrBusy) || unsupported(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer release()
	rescued, err = d.recover(found)
	if errors.Is(err, unix.EROFS) {
		return rescued, false, nil // looking must be possible without writing
	}
	return rescued, true, err
}

// recoverAll finds and resolves what is left in the directory. The caller has
// the lock.
func (d *dir) recoverAll(ctx context.Context) ([]Rescue, error) {
	var found []leftover
	g, ctx := errgroup.WithContext(ctx)
	batches := make(chan nameBatch)
	g.Go(func() error {
		defer close(batches)
		return d.list(ctx, batches)
	})
	for b := range batches {
		for name := range b.names {
			if l, ok := parseHidden(name); ok {
				found = append(found, l)
			}
		}
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return d.recover(found)
}

// recover resolves leftovers as names.go says. The caller has the lock.
func (d *dir) recover(found []leftover) ([]Rescue, error) {
	var rescued []Rescue
	var errs error
	for _, l := range found {
		var r *Rescue
		var err error
		switch {
		case l.prefix == tempPrefix, d.sameFile(l.name, l.file):
			err = unix.Unlinkat(d.fd, l.name, 0)
		case l.prefix == gonePrefix:
			r, err = d.recoverGone(l)
		default:
			r, err = d.recoverSwap(l)
		}
		if r != nil {
			rescued = append(rescued, *r)
		}
		// Gone: resolved by someone else. Being written: the next run's.
		if err != nil && !gone(err) && !errors.Is(err, errWriting) {
			errs = errors.Join(errs, err)
		}
	}
	return rescued, errs
}

// sameFile reports that two names are links to one file.
func (d *dir) sameFile(a, b string) bool {
	sa, err1 := lstat(d.fd, a)
	sb, err2 := lstat(d.fd, b)
	return err1 == nil && err2 == nil && sa.Ino == sb.Ino
}

func (d *dir) recoverGone(l leftover) (*Rescue, error) {
	err := d.place(l.name, l.file)
	if !errors.Is(err, unix.EEXIST) {
		return nil, err
	}
	return d.discardOrRescue(l)
}

func (d *dir) recoverSwap(l leftover) (*Rescue, error) {
	// Without a file under the proper name, whatever this is comes nearest.
	if err := d.placeIfText(l); !errors.Is(err, unix.EEXIST) {
		return nil, err
	}
	wanted := l.recorded[0]
	if err := d.discard(l.name, l.recorded...); err == nil || !kept(err) || errors.Is(err, errWriting) {
		return nil, err
	}
	// Someone's edit that was swapped out. If the file is still just the text
	// it was swapped for, the edit takes its place again.
	text, _, err := d.readOnce(l.file)
	if err != nil || sum256(text) != wanted {
		return d.discardOrRescue(l)
	}
	if err := d.exchange(l.name, l.file); err != nil {
		return nil, err
	}
	return d.discardOrRescue(l)
}

// placeIfText gives the leftover of a swap its file's name if nobody has it,
// unless its text is recorded: then a person removed the file after the swap,
// and it stays removed. What was kept is put back in any case, for without an
// exchange the file has no name for an instant.
func (d *dir) placeIfText(l leftover) error {
	if _, err := lstat(d.fd, l.file); !gone(err) {
		return unix.EEXIST
	}
	if l.prefix == swapPrefix {
		if err := d.discard(l.name, l.recorded...); err == nil || !kept(err) {
			return err
		}
	}
	return d.place(l.name, l.file)
}

func (d *dir) discardOrRescue(l leftover) (*Rescue, error) {
	err := d.discard(l.name, l.recorded...)
	if err == nil || !kept(err) || errors.Is(err, errWriting) {
		return nil, err
	}
	return d.rescueAs(l.name, l.file)
}
