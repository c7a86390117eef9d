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
	"gastown/town"
	"gastown/town/config"
	"gastown/town/durable"
	"gastown/town/layout"
	"gastown/town/starter"
)

// Staging is where planes are made before they are moved into place whole.
const Staging = ".install"

// closer is an open plane.
type closer interface{ Close() error }

// makePlanes makes the planes that are missing and opens those that are there,
// to see that they can be. The caller holds the install lock.
func (h *Host) makePlanes(ctx context.Context) (made []string, err error) {
	aside := h.Layout.Data(Staging)
	// Only what an interrupted installation left: no plane is used from here.
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
		opts.Dir, opts.Socket = filepath.Join(aside, plane), "" // which nobody serves
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

// makeExternal makes a plane on an existing Dolt SQL server if it is missing
// there; what is there is opened and left as it is.
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
		// What it was told before is not in it any more.
		if err := os.Remove(h.Layout.Reviews()); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		return operational.Create(ctx, opts, h.Config.Stores[plane])
	case layout.Ledger:
		// By the rules nothing in an empty ledger is shared: a person decides
		// whether what was shared before shall go, not the next sync.
		if err := h.Engine(EngineOptions{}).ForgetRules(ctx, h.Remotes()); err != nil {
			return nil, err
		}
		return ledger.Create(ctx, opts, h.Config.Stores[plane])
	default:
		return h.createFederation(ctx, opts)
	}
}

// createFederation makes the plane with what a new Town begins with, already
// recorded: the files are then shown from its rows, by this call or a later
// one. A Town that has files keeps to them. The store gets an identity of its
// own, because one that was lost may live on in the Town's remotes.
func (h *Host) createFederation(ctx context.Context, opts doltdb.Options) (_ closer, err error) {
	// The index says which rows of the former store the files show. Without it
	// no file counts as shown from a row, so none is taken away with its row.
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
	has, err := hasFiles(h.Layout)
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

// hasFiles reports whether people have documents in the Town already.
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
