package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"gastown/planes/doltdb/copies"
	"gastown/town"
	"gastown/town/durable"
)

// Change is a table that is not now what it was when a point was taken.
type Change struct {
	Plane, Table string
	// Then and Now are its numbers of rows.
	Then, Now uint64
}

// Restored says what a restore did, or would do.
type Restored struct {
	Point  *Point
	Planes []string
	// Files are the paths of plain files that were replaced or made.
	Files []string
	// Changes are what was written since the point, or before it: what is not in the
	// Town any more. It is in Kept.
	Changes []Change
	// Kept is the directory with what was replaced; "" before the restore.
	Kept string
}

// Changes says what a restore of a point would replace. plane is "" for all.
func (k *Keeper) Changes(ctx context.Context, e Entry, plane string) (out Restored, err error) {
	planes, err := k.restorable(e, plane)
	if err != nil {
		return out, err
	}
	err = k.locked(ctx, "gt backup restore", func(scratch string) error {
		out, err = k.changes(ctx, e.Point, planes, scratch)
		return err
	})
	return out, err
}

// restorable are the planes that a restore replaces.
func (k *Keeper) restorable(e Entry, plane string) (planes []Source, err error) {
	if e.Point == nil {
		return nil, e.Fault
	}
	if e.Kind != Databases {
		return nil, town.Fail("restore planes", "gt backup list shows what a point holds", "%w: the point %s has no databases", town.ErrUsage, e.Name)
	}
	for _, s := range k.Planes {
		if plane != "" && s.Name != plane {
			continue
		}
		p, ok := e.Point.Plane(s.Name)
		if !ok {
			return nil, fmt.Errorf("%w: the point %s has no %s plane", ErrDamaged, e.Name, s.Name)
		}
		if p.Store != s.Store {
			return nil, town.Fail("restore the "+s.Name+" plane", "restore another plane with --plane, or choose a younger point: gt backup list",
				"%w: in the point %s it is the database %s, this Town's is %s", town.ErrRefused, e.Name, p.Store, s.Store)
		}
		planes = append(planes, s)
	}
	if len(planes) == 0 {
		return nil, town.Fail("restore the plane "+town.Clip(plane, 40), "gt backup list", "%w: there is no such plane", town.ErrUsage)
	}
	return planes, nil
}

// changes compares the planes with those of a point.
func (k *Keeper) changes(ctx context.Context, p *Point, planes []Source, scratch string) (out Restored, err error) {
	out.Point = p
	for _, s := range planes {
		out.Planes = append(out.Planes, s.Name)
		plane, _ := p.Plane(s.Name)
		if _, err := os.Lstat(s.Dir); errors.Is(err, fs.ErrNotExist) {
			continue // nothing can be lost
		}
		// Each alone, because one of them may be what a restore is for.
		m, err := copies.Take(ctx, []copies.Source{s.Source}, filepath.Join(scratch, "now"))
		if err != nil {
			if ctx.Err() != nil {
				return out, err
			}
			out.Changes = append(out.Changes, Change{Plane: s.Name})
			continue
		}
		now, _, err := m.Databases[0].Tables(ctx)
		if err := errors.Join(err, m.Close()); err != nil {
			out.Changes = append(out.Changes, Change{Plane: s.Name})
			continue
		}
		out.Changes = append(out.Changes, compare(s.Name, plane.Tables, now)...)
	}
	return out, nil
}

func compare(plane string, then, now []copies.Table) (changes []Change) {
	before := map[string]copies.Table{}
	for _, t := range then {
		before[t.Name] = t
	}
	for _, t := range now {
		if was := before[t.Name]; was.Digest != t.Digest {
			changes = append(changes, Change{Plane: plane, Table: t.Name, Then: was.Rows, Now: t.Rows})
		}
		delete(before, t.Name)
	}
	for _, t := range then {
		if _, gone := before[t.Name]; gone {
			changes = append(changes, Change{Plane: plane, Table: t.Name, Then: t.Rows})
		}
	}
	return changes
}

// Restore replaces the planes, or one of them, by those of a point. Everything is
// checked before anything is replaced, and replacing is one step of the file system.
// What was replaced is in Restored.Kept.
func (k *Keeper) Restore(ctx context.Context, to Destination, e Entry, plane string) (out Restored, err error) {
	planes, err := k.restorable(e, plane)
	if err != nil {
		return out, err
	}
	err = k.locked(ctx, "gt backup restore", func(scratch string) error {
		// The point itself, not what the keeper remembers of it.
		p, _, err := k.fetchPoint(ctx, to, e.Name, 0)
		if err != nil {
			return err
		}
		if e.Point = p; p.Kind != Databases {
			return fmt.Errorf("%w: the point %s is another one", ErrDamaged, e.Name)
		}
		if planes, err = k.restorable(e, plane); err != nil {
			return err
		}
		made := filepath.Join(scratch, "data")
		if err := os.Mkdir(made, 0o700); err != nil {
			return err
		}
		if err := k.prepare(ctx, to, p, planes, made); err != nil {
			return err
		}
		out, err = k.replace(ctx, p, planes, made, scratch)
		return err
	})
	return out, err
}

// replace puts prepared planes in the place of the Town's.
func (k *Keeper) replace(ctx context.Context, p *Point, planes []Source, made, scratch string) (out Restored, err error) {
	if err := k.clear(filepath.Dir(planes[0].Dir)); err != nil {
		return out, err
	}
	k.tell("waiting until nobody uses the planes")
	release, err := k.Own(ctx)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, release()) }()
	if out, err = k.changes(ctx, p, planes, scratch); err != nil {
		return out, err
	}
	data := filepath.Dir(planes[0].Dir)
	from, place := made, data
	if len(planes) == 1 {
		from, place = filepath.Join(made, planes[0].Name), planes[0].Dir
	} else if err := linkOthers(data, made, planes); err != nil {
		return out, err
	}
	if err := flush(made); err != nil {
		return out, err
	}
	kept := filepath.Join(k.Retired, "restore-"+k.Now().UTC().Format(nameForm))
	if err := os.MkdirAll(k.Retired, 0o700); err != nil {
		return out, err
	}
	if err := os.Mkdir(kept, 0o700); err != nil {
		return out, err
	}
	at := filepath.Join(kept, filepath.Base(place))
	k.tell("moving what was restored beside the planes")
	if err := durable.Rename(from, at); err != nil {
		return out, errors.Join(err, os.Remove(kept))
	}
	k.tell("exchanging the planes")
	if err := k.exchange(at, place); err != nil {
		return out, errors.Join(err, os.RemoveAll(kept))
	}
	k.tell("exchanged the planes")
	out.Kept = at
	return out, errors.Join(durable.SyncDir(filepath.Dir(at)), durable.SyncDir(filepath.Dir(place)), durable.SyncDir(k.Retired))
}

// clear moves what is not a directory out of the place of one, to where a restore leaves what
// it replaces, and makes the directory.
func (k *Keeper) clear(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
		return makeDirs(k.Root, dir)
	}
	if err != nil {
		return err
	}
	kept := filepath.Join(k.Retired, "in-the-way-"+k.Now().UTC().Format(nameForm), filepath.Base(dir))
	if err := os.MkdirAll(filepath.Dir(kept), 0o700); err != nil {
		return err
	}
	if err := durable.Rename(dir, kept); err != nil {
		return err
	}
	return makeDirs(k.Root, dir)
}

// exchange gives what was restored and what is there each other's place.
func (k *Keeper) exchange(restored, place string) error {
	err := durable.Exchange(restored, place)
	if errors.Is(err, fs.ErrNotExist) {
		if _, serr := os.Lstat(place); errors.Is(serr, fs.ErrNotExist) {
			return durable.RenameNew(restored, place) // the plane was lost
		}
	}
	if errors.Is(err, errors.ErrUnsupported) {
		return town.Fail("replace "+place, "move the Town to a file system such as ext4, xfs or btrfs, and restore it there",
			"the file system cannot exchange two directories in one step: %w", err)
	}
	return err
}

// linkOthers links what lies beside the planes, which are their lock files, so that the
// locks are the same ones after the exchange.
func linkOthers(data, made string, planes []Source) error {
	// What examining the planes left there: locks, and settings of the engine.
	entries, err := os.ReadDir(made)
	if err != nil {
		return err
	}
	isPlane := func(name string) bool {
		return slices.ContainsFunc(planes, func(s Source) bool { return s.Name == name })
	}
	for _, e := range entries {
		if !isPlane(e.Name()) {
			if err := os.RemoveAll(filepath.Join(made, e.Name())); err != nil {
				return err
			}
		}
	}
	if entries, err = os.ReadDir(data); err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || isPlane(e.Name()) {
			continue // the planes, or a file in the place of one, and scratch directories of programs that were killed
		}
		err := os.Link(filepath.Join(data, e.Name()), filepath.Join(made, e.Name()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// flush makes everything below dir durable.
func flush(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(d.Fd())), d.Close())
}
