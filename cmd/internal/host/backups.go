package host

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/planes/doltdb/copies"
	"gastown/planes/federation"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/backup"
	"gastown/town/instance"
	"gastown/town/layout"
)

// backupPaths are the plain files that are backed up: what people edit. What is in .gt
// follows from it, is in the databases, or is secret.
var backupPaths = []string{"config", "federation", "deacon"}

// backupPrivate are the keys that the Town signs with: whoever has them can write in its
// name, and without them it must go on as another Town.
var backupPrivate = []string{".gt/keys"}

// Backups is what takes, proves and restores the Town's backups.
func (h *Host) Backups() (*backup.Keeper, error) {
	if opts := h.Database(layout.Ledger); opts.External != nil {
		return nil, town.Fail("back up the Town", "on the machine of that server: dolt backup --help",
			"%w: the planes are on the server %s, whose files gt cannot read", town.ErrRefused, opts.External.Address)
	}
	places, err := backupPlaces(h.Layout, text(h.Config, "backup.to"))
	if err != nil {
		return nil, err
	}
	t := h.Layout
	k := &backup.Keeper{
		Town: string(h.Config.Town.ID), TownName: h.Config.Town.Name, Version: h.call.Version(), Root: t.Root,
		Dir: t.Backups(), Retired: t.Retired(), Lock: t.Lock("backup"), Plain: backupPaths, Private: backupPrivate, Omit: h.omitted(),
		Stays:     append([]string{"config/town.yaml"}, backupPrivate...),
		Retention: backup.Retention{backup.Databases: duration(h.Config, "backup.keep"), backup.Files: duration(h.Config, "backup.files_keep")},
		Examine:   h.examine, Own: h.ownPlanes, Now: h.call.Now, Wait: h.call.Wait,
		Progress: func(what string) { h.call.Progress().Step(what, 0, 0, "") },
	}
	if note, _, err := h.InstanceDir().Look(); err == nil {
		k.Instance = note.Instance
		if role := note.Role(); role != instance.Active {
			k.Passive = town.Fail("back up the Town", "gt town status",
				"%w: this directory is not the Town's active one (%s), and the backups are the active one's", town.ErrRefused, role)
		}
	}
	for _, plane := range Planes {
		k.Planes = append(k.Planes, backup.Source{Source: copies.Source{Name: plane, Dir: t.Data(plane)}, Store: h.Config.Stores[plane]})
	}
	k.Destinations, err = h.openPlaces(places, h.named("backup.key"))
	return k, err
}

// openPlaces opens destinations of backups. key is the file with their key; "" for none.
func (h *Host) openPlaces(places []backup.Where, key string) (all []backup.Destination, err error) {
	dir := h.Layout.Backups()
	means := backup.Means{
		Env: h.call.Env, Scratch: filepath.Join(dir, "rsync"), Git: Git(h.call), GitDir: filepath.Join(dir, "git"), Wait: h.call.Wait, Now: h.call.Now,
		Secrets: h.foundSecrets,
	}
	if key != "" {
		if means.Key, err = backup.ReadKey(key); err != nil {
			return nil, err
		}
	}
	for _, place := range places {
		d, err := place.Open(means)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// named is the file that a setting names, "" for none.
func (h *Host) named(key string) string { return inTown(h.Layout, text(h.Config, key)) }

// omitted reports whether a plain file stays out of backups: omitted by its name, and the
// files of credentials that settings name, wherever people put them.
func (h *Host) omitted() func(rel string) bool {
	var private []fs.FileInfo
	for _, key := range []string{"backup.key", "secrets.vault_credential_file"} {
		if path := h.named(key); path != "" {
			if info, err := os.Stat(path); err == nil {
				private = append(private, info)
			}
		}
	}
	return func(rel string) bool {
		if omitted(rel) {
			return true
		}
		if len(private) == 0 {
			return false
		}
		info, err := os.Stat(filepath.Join(h.Layout.Root, filepath.FromSlash(rel)))
		return err == nil && slices.ContainsFunc(private, func(p fs.FileInfo) bool { return os.SameFile(p, info) })
	}
}

// omitted reports whether a name says that a plain file stays out: what may hold a secret,
// and what editors leave.
func omitted(rel string) bool {
	name := path.Base(rel)
	return strings.HasSuffix(name, ".secret") || strings.HasSuffix(name, ".env") || strings.HasSuffix(name, ".key") || strings.HasSuffix(name, ".swp") || strings.HasSuffix(name, "~") || name == ".git"
}

// examine opens a restored plane as the Town opens its own, and reads all of it.
func (h *Host) examine(ctx context.Context, plane, dir string) error {
	opts := h.Database(plane)
	opts.Dir, opts.Home, opts.Socket, opts.Marker, opts.Pool = dir, filepath.Join(filepath.Dir(dir), ".home"), "", "", doltdb.Pool{}
	return h.ReadAt(ctx, plane, opts)
}

// ReadAt opens a plane, which may be a copy in another directory, and reads all of it.
func (h *Host) ReadAt(ctx context.Context, plane string, opts doltdb.Options) (err error) {
	uuid := h.Config.Stores[plane]
	var db interface {
		Close() error
		ReadAll(context.Context) error
	}
	switch plane {
	case layout.Operational:
		db, err = operational.Open(ctx, opts, uuid)
	case layout.Federation:
		db, err = federation.Open(ctx, opts, uuid, h.Config.Town.ID)
	default:
		db, err = ledger.Open(ctx, opts, uuid)
	}
	if err != nil {
		return err
	}
	return errors.Join(db.ReadAll(ctx), db.Close())
}

// ownPlanes has the directories of all planes for this process until release is called.
// The Deacon gives them up meanwhile.
func (h *Host) ownPlanes(ctx context.Context) (release func() error, err error) {
	giveBack, err := h.Borrow(ctx)
	if err != nil {
		return nil, err
	}
	all := []func() error{giveBack}
	release = func() (err error) {
		for i := len(all) - 1; i >= 0; i-- {
			err = errors.Join(err, all[i]())
		}
		return err
	}
	for _, plane := range Planes {
		unlock, err := doltdb.LockDirectory(ctx, h.Database(plane))
		if err != nil {
			return nil, errors.Join(err, release())
		}
		all = append(all, unlock)
	}
	return release, nil
}
