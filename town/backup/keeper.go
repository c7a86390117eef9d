package backup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"gastown/planes/doltdb/copies"
	"gastown/town"
	"gastown/town/lockfile"
)

// Keeper backs up one Town. Its fields are set by the caller and not changed.
type Keeper struct {
	// Town is the Town's identity, TownName its name, Instance its directory's id, and
	// Version that of gt.
	Town, TownName, Instance, Version string
	// Root is the Town's directory.
	Root string
	// Dir is a directory for what the keeper notes and for what it makes meanwhile, on
	// the databases' file system.
	Dir string
	// Retired is where a restore leaves what it replaces.
	Retired string
	// Lock is the lock file of the keeper.
	Lock string
	// Planes are the databases.
	Planes []Source
	// Plain lists the files of a point of kind Files: paths relative to Root, of files or
	// of directories with everything in them. Omit reports what stays out: secrets.
	Plain []string
	// Private are further files that only encrypted destinations get.
	Private []string
	Omit    func(path string) bool
	// Stays are plain files that a restore does not replace: they hold the identity of
	// what is in the databases.
	Stays []string
	// Spare reports plain files of a point that a restore leaves alone; nil for none.
	Spare func(path string) bool
	// Passive is why this directory takes and prunes no points: another one does. nil for
	// a directory that does.
	Passive error
	// Destinations are where points are written, the first one is what commands use when
	// none is named.
	Destinations []Destination
	// Retention says how long points are retained.
	Retention Retention
	// Examine opens the database in dir as the plane's own program does, and reads all
	// of it: identity, schema and every row.
	Examine func(ctx context.Context, plane, dir string) error
	// Own takes the directories of the planes for this process until release is called.
	// Restore calls it after everything is checked.
	Own func(ctx context.Context) (release func() error, err error)
	// Now is the current time. Progress, which may be nil, is told what is done.
	Now      func() time.Time
	Progress func(what string)
	// Wait bounds the wait for another process that takes or restores a point.
	Wait time.Duration

	// step is called between two steps, in tests.
	step func(string)
}

// Source is one plane: its name, its directory, and its identity.
type Source struct {
	copies.Source
	Store string
}

// Destination is a Store with the name that people gave it.
type Destination struct {
	Name  string
	Where string
	Store
}

// ErrNoDestination reports that nobody has said where backups go.
var ErrNoDestination = errors.New("no destination is configured")

// Destination finds a destination by name; "" is the first.
func (k *Keeper) Destination(name string) (Destination, error) {
	for _, d := range k.Destinations {
		if name == "" || d.Name == name {
			return d, nil
		}
	}
	if len(k.Destinations) == 0 {
		return Destination{}, town.Fail("back up the Town", "gt config backup.to /mnt/backups", "%w: %w", town.ErrUsage, ErrNoDestination)
	}
	return Destination{}, town.Fail("find the destination "+town.Clip(name, 80), "gt backup status", "%w: no destination has that name", town.ErrUsage)
}

// locked calls fn as the only process that works with the keeper, with a scratch
// directory that is removed afterwards.
func (k *Keeper) locked(ctx context.Context, what string, fn func(scratch string) error) (err error) {
	for _, dir := range []string{k.Dir, filepath.Dir(k.Lock)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	lock, err := lockfile.Acquire(ctx, k.Lock, lockfile.Options{Command: what, Wait: k.Wait})
	if err != nil {
		return town.Fail(what, "wait until it has ended: gt backup status", "%w", err)
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	if err := k.finish(); err != nil {
		return err
	}
	scratch := filepath.Join(k.Dir, "scratch")
	if err := os.RemoveAll(scratch); err != nil { // of a process that was killed
		return err
	}
	if err := os.Mkdir(scratch, 0o700); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	return fn(scratch)
}

func (k *Keeper) tell(what string) {
	if k.Progress != nil {
		k.Progress(what)
	}
	if k.step != nil {
		k.step(what)
	}
}

func (k *Keeper) sources() (all []copies.Source) {
	for _, p := range k.Planes {
		all = append(all, p.Source)
	}
	return all
}
