package doltdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/dolthub/dolt/go/store/nbs"

	"gastown/planes/doltdb/internal/engine"
	"gastown/town/durable"
)

// ErrJournal reports a database whose newest writes are behind a damaged place of its
// journal. It comes with ErrCorrupt. Revive makes such a database usable.
var ErrJournal = errors.New("its journal cannot be read to the end")

// Revive makes a database with a damaged journal usable: it ends the journal before
// the damage, so that the database is as it was then. It works on a copy and asks
// check about it. If check agrees the copy takes the database's place, and the damaged
// one moves into the directory retired, under the database's name and the present time;
// its new path is returned. Otherwise nothing changes. The database must not be open.
func Revive(ctx context.Context, opts Options, retired string, now time.Time, check func(Options) error) (at string, err error) {
	release, err := LockDirectory(ctx, opts)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, release()) }()
	copied := opts
	copied.Dir = filepath.Join(filepath.Dir(opts.Dir), ".revive", filepath.Base(opts.Dir))
	copied.Socket = ""
	if err := os.RemoveAll(filepath.Dir(copied.Dir)); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(filepath.Dir(copied.Dir))) }()
	if err := os.CopyFS(copied.Dir, os.DirFS(opts.Dir)); err != nil {
		return "", fmt.Errorf("copy %s: %w", opts.Dir, err)
	}
	if err := endJournal(filepath.Join(copied.Dir, engine.StoreDir)); err != nil {
		return "", fmt.Errorf("end the journal of %s before the damage: %w", opts.Dir, err)
	}
	if err := check(copied); err != nil {
		return "", fmt.Errorf("use what the journal holds before the damage: %w", err)
	}
	if err := durable.Exchange(copied.Dir, opts.Dir); err == nil {
		return Retire(copied.Dir, retired, opts.withDefaults().name(), now)
	} else if !errors.Is(err, errors.ErrUnsupported) {
		return "", err
	}
	if at, err = Retire(opts.Dir, retired, opts.withDefaults().name(), now); err != nil {
		return at, err
	}
	return at, durable.Rename(copied.Dir, opts.Dir)
}

func endJournal(store string) error {
	saved, err := nbs.ReviveJournalWithDataLoss(store)
	if err != nil {
		return err
	}
	// The damaged database has the journal as it was; the index is derived from it.
	if err := os.Remove(filepath.Join(store, "journal.idx")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Remove(saved)
}
