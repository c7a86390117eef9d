package files

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"gastown/town"
	"gastown/town/group"
)

// recoverIfIdle resolves leftovers, unless another process is writing: they may be
// its own. done is false if nothing was changed.
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
		return rescued, false, nil // a Scan must work on a read-only file system
	}
	return rescued, true, err
}

// recoverAll finds and resolves the leftovers in the directory. The caller has the
// lock.
func (d *dir) recoverAll(ctx context.Context) ([]Rescue, error) {
	var found []leftover
	g, ctx := group.WithContext(ctx)
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
		// A name that is gone was resolved by another process. A file that is being
		// written is left to the next run.
		if err != nil && !gone(err) && !errors.Is(err, errWriting) {
			errs = errors.Join(errs, err)
		}
	}
	return rescued, errs
}

// sameFile reports whether two names are links to one file.
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
	// Without a file of that name, this text is the one to show.
	if err := d.placeIfText(l); !errors.Is(err, unix.EEXIST) {
		return nil, err
	}
	wanted := l.recorded[0]
	if err := d.discard(l.name, l.recorded...); err == nil || !mustPreserve(err) || errors.Is(err, errWriting) {
		return nil, err
	}
	// This is an edit that was swapped out. If the file still has the text that it was
	// swapped for, the edit gets its name back.
	text, _, err := d.readOnce(l.file)
	if err != nil || sum256(text) != wanted {
		return d.discardOrRescue(l)
	}
	if err := d.exchange(l.name, l.file); err != nil {
		return nil, err
	}
	return d.discardOrRescue(l)
}

// placeIfText gives the leftover of a swap the name of its file, if no file has it.
// If the text is recorded, it does not: a person removed the file after the swap,
// and it stays removed. A ".gt-keep-" leftover gets the name in any case, because
// without an exchange of names the file has no name for an instant.
func (d *dir) placeIfText(l leftover) error {
	if _, err := lstat(d.fd, l.file); !gone(err) {
		return unix.EEXIST
	}
	if l.prefix == swapPrefix {
		if err := d.discard(l.name, l.recorded...); err == nil || !mustPreserve(err) {
			return err
		}
	}
	return d.place(l.name, l.file)
}

func (d *dir) discardOrRescue(l leftover) (*Rescue, error) {
	err := d.discard(l.name, l.recorded...)
	if err == nil || !mustPreserve(err) || errors.Is(err, errWriting) {
		return nil, err
	}
	return d.rescueAs(l.name, l.file)
}

// RescuedText is the digest of a rescued text.
func (t *Tree) RescuedText(ctx context.Context, r Rescue) (town.Digest, error) {
	d, file, err := t.rescued(r)
	if err != nil {
		return "", err
	}
	defer d.close()
	text, _, err := d.read(ctx, file)
	if err != nil {
		return "", err
	}
	return town.ContentDigest(string(text)), nil
}

// DropRescued removes a rescued text that still has that digest. The caller vouches
// that the text is recorded, because this may be the only file with it. It fails
// with ErrEdited or town.ErrBusy if the text has changed.
func (t *Tree) DropRescued(r Rescue, content town.Digest) error {
	sum, err := rawDigest(content)
	if err != nil {
		return err
	}
	d, file, err := t.rescued(r)
	if err != nil {
		return err
	}
	defer d.close()
	return d.discard(file, sum)
}

// rescued opens the directory of a rescued text and returns the name of its file.
func (t *Tree) rescued(r Rescue) (*dir, string, error) {
	kind, err := kindNumber(r.Key)
	if err != nil {
		return nil, "", err
	}
	d, err := t.open(kind, false)
	if err != nil {
		return nil, "", err
	}
	file, ours := strings.CutPrefix(r.Path, d.path(""))
	if !ours || !strings.HasPrefix(file, d.file(r.Key.Name)+".") || !strings.HasSuffix(file, "~") || strings.Contains(file, "/") {
		d.close()
		return nil, "", fmt.Errorf("%s is not a rescued text of %s", town.Clip(r.Path, 120), r.Key)
	}
	return d, file, nil
}
