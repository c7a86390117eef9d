package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"gastown/planes/doltdb"
	"gastown/planes/federation"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/sync/files"
	"gastown/sync/sign"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/durable"
	"gastown/town/layout"
	"gastown/town/starter"
)

// Staging is where planes are made before they are moved to their place as a whole.
const Staging = ".install"

// closer is an open plane.
type closer interface{ Close() error }

// makePlanes makes the planes that are missing, and opens the others to check that
// they can be opened. The caller holds the install lock.
func (h *Host) makePlanes(ctx context.Context) (made []string, err error) {
	aside := h.Layout.Data(Staging)
	// Staging holds only what an interrupted installation left; no plane is used
	// from there.
	if err := os.RemoveAll(aside); err != nil {
		return nil, err
	}
	for _, plane := range Planes {
		if h.Database(plane).External != nil {
			more, err := h.makeExternal(ctx, plane)
			if err != nil {
				return made, err
			}
			made = append(made, more...)
			continue
		}
		if _, err := os.Lstat(h.Layout.Data(plane)); err == nil {
			if err := h.checkPlane(ctx, plane); err != nil {
				return made, err
			}
			continue
		} else if !errors.Is(err, os.ErrNotExist) {
			return made, err
		}
		opts := h.Database(plane)
		opts.Dir, opts.Socket = filepath.Join(aside, plane), "" // no server serves it
		store, err := h.createPlane(ctx, plane, opts)
		if err != nil {
			return made, err
		}
		if err := store.Close(); err != nil {
			return made, err
		}
		if err := durable.Rename(opts.Dir, h.Layout.Data(plane)); err != nil {
			return made, err
		}
		made = append(made, plane)
	}
	return made, os.RemoveAll(aside)
}

// makeExternal makes a plane on an external Dolt SQL server if it is missing there.
// An existing plane is opened and not changed.
func (h *Host) makeExternal(ctx context.Context, plane string) (made []string, err error) {
	if err := h.checkPlane(ctx, plane); !errors.Is(err, doltdb.ErrMissing) {
		return nil, err
	}
	store, err := h.createPlane(ctx, plane, h.Database(plane))
	if err != nil {
		return nil, err
	}
	return []string{plane}, store.Close()
}

func (h *Host) checkPlane(ctx context.Context, plane string) error {
	var store closer
	var err error
	switch plane {
	case layout.Operational:
		store, err = operational.Open(ctx, h.Database(plane), h.Config.Stores[plane])
	case layout.Ledger:
		store, err = ledger.Open(ctx, h.Database(plane), h.Config.Stores[plane])
	default:
		return h.Engine(EngineOptions{}).Read(ctx, func(*federation.Store) error { return nil })
	}
	if err != nil {
		return err
	}
	return store.Close()
}

func (h *Host) createPlane(ctx context.Context, plane string, opts doltdb.Options) (closer, error) {
	switch plane {
	case layout.Operational:
		// The new plane does not contain the reviews that were posted before.
		if err := os.Remove(h.Layout.Reviews()); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		return operational.Create(ctx, opts, h.Config.Stores[plane])
	case layout.Ledger:
		// With an empty ledger the rules select no records. A person, not the next
		// sync, must decide whether to take back what was shared before.
		if err := h.Engine(EngineOptions{}).ForgetRules(ctx, h.Remotes()); err != nil {
			return nil, err
		}
		return ledger.Create(ctx, opts, h.Config.Stores[plane])
	default:
		return h.createFederation(ctx, opts)
	}
}

// createFederation makes the plane and records the starter documents. This call or
// a later one then writes the rows to files. A Town that has files keeps them. The
// store gets a new identity, because a lost one may still exist in the Town's
// remotes.
func (h *Host) createFederation(ctx context.Context, opts doltdb.Options) (_ closer, err error) {
	// The index says which rows of the former store the files show. It is removed,
	// so that no file is deleted because its row is missing.
	if err := os.Remove(h.Layout.Index()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	id := uuid.NewString()
	if err := h.Change(ctx, func(c *config.Config) error { c.Stores[layout.Federation] = id; return nil }); err != nil {
		return nil, err
	}
	s, err := federation.Create(ctx, opts, id, h.Config.Town.ID)
	if err != nil {
		return nil, err
	}
	s.Keys, err = sign.Load(h.Layout.Keys(), h.Config.Town.ID)
	has := false
	if err == nil {
		has, err = hasFiles(h.Layout)
	}
	if err == nil && !has {
		var edits []federation.FileEdit
		if edits, err = starterEdits(); err == nil {
			_, err = s.Record(ctx, "starter content", edits)
		}
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func starterEdits() ([]federation.FileEdit, error) {
	var edits []federation.FileEdit
	for _, d := range starter.Documents() {
		meta, err := files.Check(d.Key, d.Text)
		if err != nil {
			return nil, err
		}
		edits = append(edits, federation.FileEdit{Key: d.Key, Text: d.Text, Version: meta.Version})
	}
	return edits, nil
}

// hasFiles reports whether the Town already has documents in files.
func hasFiles(t layout.Town) (bool, error) {
	for _, k := range town.Kinds {
		entries, err := os.ReadDir(filepath.Join(t.Files(), k.Dir()))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return false, err
		}
		for _, e := range entries {
			if _, err := town.ParsePath(k.Dir() + "/" + e.Name()); err == nil {
				return true, nil
			}
		}
	}
	return false, nil
}
