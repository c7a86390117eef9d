package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"gastown/planes/doltdb/copies"
	"gastown/planes/doltdb/tables"
)

// damage is an error about files of a destination that are not what a point says.
type damage struct {
	keys []string
	err  error
}

func (d *damage) Error() string { return d.err.Error() }
func (d *damage) Unwrap() error { return d.err }

// damaged says that files are not what a point says.
func damaged(keys []string, format string, args ...any) error {
	return &damage{keys, fmt.Errorf("%w: "+format, append([]any{ErrDamaged}, args...)...)}
}

// fetch brings files from a destination into dir and checks size and digest of each. A
// damaged one does not keep it from looking at the others. A file that several items name is
// read once.
func fetch(ctx context.Context, to Destination, items []Item, dir string) error {
	var bad []string
	seen := map[string]bool{}
	for _, i := range items {
		if seen[i.Key] {
			continue
		}
		seen[i.Key] = true
		if err := to.Get(ctx, []string{i.Key}, dir); err != nil {
			if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrDamaged) {
				return unread{fmt.Errorf("read the backup at %s: %w", to.Where, err)}
			}
			bad = append(bad, i.Key)
			continue
		}
		size, digest, err := sum(filepath.Join(dir, filepath.FromSlash(i.Key)))
		if err != nil {
			return err
		}
		if size != i.Size || digest != i.SHA256 {
			bad = append(bad, i.Key)
		}
	}
	if len(bad) > 0 {
		return damaged(bad, "at %s, %d file(s) are missing, cut short or altered, the first is %s", to.Where, len(bad), bad[0])
	}
	return nil
}

// prepare makes the databases of a point in dir, each below its name, and checks all
// there is to check. It is what a restore and a proof have in common.
func (k *Keeper) prepare(ctx context.Context, to Destination, p *Point, planes []Source, dir string) error {
	for _, source := range planes {
		plane, ok := p.Plane(source.Name)
		if !ok {
			return fmt.Errorf("%w: the point %s has no %s plane", ErrDamaged, p.Name, source.Name)
		}
		k.tell("reading the " + source.Name + " plane of " + p.Name)
		if err := k.preparePlane(ctx, to, plane, dir); err != nil {
			return fmt.Errorf("the %s plane of %s: %w", source.Name, p.Name, err)
		}
		k.tell("examining the " + source.Name + " plane of " + p.Name)
		if err := k.Examine(ctx, source.Name, filepath.Join(dir, source.Name)); err != nil {
			return fmt.Errorf("examine the %s plane of %s: %w", source.Name, p.Name, err)
		}
	}
	return nil
}

func (k *Keeper) preparePlane(ctx context.Context, to Destination, plane Plane, dir string) error {
	at := filepath.Join(dir, plane.Name)
	store := filepath.Join(at, filepath.FromSlash(copies.StoreDir))
	if err := os.MkdirAll(store, 0o700); err != nil {
		return err
	}
	items := (&Point{Planes: []Plane{plane}}).Items()
	var keys, names []string
	for _, i := range items {
		keys, names = append(keys, i.Key), append(names, filepath.Base(i.Key))
	}
	got := filepath.Join(dir, ".got")
	if err := fetch(ctx, to, items, got); err != nil {
		return errors.Join(err, os.RemoveAll(got))
	}
	for i, key := range keys {
		if err := os.Rename(filepath.Join(got, filepath.FromSlash(key)), filepath.Join(store, names[i])); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(got); err != nil {
		return err
	}
	err := tables.Verify(ctx, store, names)
	if err == nil {
		err = place(ctx, plane, at)
	}
	if errors.Is(err, tables.ErrCorrupt) {
		return damaged(keys, "at %s: %w", to.Where, err)
	}
	return err
}

// place makes the database and compares its tables with those of the point.
func place(ctx context.Context, plane Plane, dir string) error {
	db, err := copies.Place(ctx, plane.Name, dir, plane.Root, plane.tableFiles(), plane.Settings)
	if err != nil {
		return err
	}
	list, head, err := db.Tables(ctx)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if head != plane.Head || !slices.Equal(list, plane.Tables) {
		return fmt.Errorf("%w: its tables have other rows than when it was taken", tables.ErrCorrupt)
	}
	return nil
}
