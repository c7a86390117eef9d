package files

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"gastown/town"
)

// renewals lists the hidden directories beside those of documents. A killed Apply
// left them, or another process is about to put one in place.
func (t *Tree) renewals(ctx context.Context) (found []string, err error) {
	err = eachName(ctx, int(t.root.Fd()), func(name string) error {
		if _, _, ok := parseRenewal(name); ok {
			found = append(found, name)
		}
		return nil
	})
	return found, err
}

func parseRenewal(name string) (kind uint8, token string, ok bool) {
	rest, found := strings.CutPrefix(name, renewPrefix)
	place, token, cut := strings.Cut(rest, "-")
	for k, of := range kinds {
		if found && cut && token != "" && of.Dir() == place {
			return uint8(k), token, true
		}
	}
	return 0, "", false
}

// recoverRenewals resolves the hidden directories. The caller has the lock.
func (t *Tree) recoverRenewals(ctx context.Context) (rescued []Rescue, err error) {
	found, err := t.renewals(ctx)
	for _, hidden := range found {
		r, one := t.recoverRenewal(ctx, hidden)
		rescued = append(rescued, r...)
		if one != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", hidden, one))
		}
	}
	return rescued, err
}

func (t *Tree) recoverRenewal(ctx context.Context, hidden string) ([]Rescue, error) {
	root := int(t.root.Fd())
	kind, token, _ := parseRenewal(hidden)
	fd, err := openat(root, hidden, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) || gone(err) {
		return nil, nil // not made by Apply
	}
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if _, err := lstat(fd, tempPrefix+token); err == nil {
		// A new directory that never got its place: its files are rows or links.
		s := &staging{dir: &dir{Tree: t, fd: -1, kind: kind}, hidden: hidden, token: token}
		return nil, s.abandon(ctx)
	} else if !gone(err) {
		return nil, err
	}
	d, err := t.open(kind, false)
	if gone(err) {
		// Somebody removed the new directory, so the old one gets its place back.
		return nil, t.renameat2(root, hidden, root, kinds[kind].Dir(), unix.RENAME_NOREPLACE)
	}
	if err != nil {
		return nil, err
	}
	defer d.close()
	old := &adoption{dir: d, from: fd, made: func() map[string]*job { return nil }}
	err = old.run(ctx, func() error { return unix.Unlinkat(root, hidden, unix.AT_REMOVEDIR) })
	return old.rescued, err
}

// recoverRenewalsIfIdle resolves the hidden directories, unless another process is
// writing, whose they may be, or the file system is read-only.
func (t *Tree) recoverRenewalsIfIdle(ctx context.Context) ([]Rescue, error) {
	found, err := t.renewals(ctx)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	release, err := t.lock(ctx, false)
	if errors.Is(err, town.ErrBusy) || unsupported(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer release()
	rescued, err := t.recoverRenewals(ctx)
	if errors.Is(err, unix.EROFS) {
		err = nil
	}
	return rescued, err
}
