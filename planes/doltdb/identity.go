package doltdb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gastown/town"
)

// createMeta is part of every plane's schema. Its rows say what kind of store
// this is and which one, and are written once.
const createMeta = "CREATE TABLE IF NOT EXISTS meta (k VARCHAR(64) PRIMARY KEY, v VARCHAR(255) NOT NULL)"

const storeUUIDKey = "store_uuid"

// ErrOtherStore reports a store other than the expected one.
var ErrOtherStore = fmt.Errorf("another store: %w", town.ErrRefused)

// Identify gives a new store its permanent UUID. It fails if the store has one.
func (db *Local) Identify(ctx context.Context, uuid string) error {
	_, err := db.Update(ctx, "identify the store", func(tx *Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO meta (k, v) VALUES (?, ?)", storeUUIDKey, uuid)
		return err
	})
	return err
}

// StoreUUID is the identity of the store at a revision; "" if it has none.
func (tx *Tx) StoreUUID(ctx context.Context, revision string) (uuid string, err error) {
	asOf, err := AsOf(revision)
	if err != nil {
		return "", err
	}
	err = tx.QueryRow(ctx, "SELECT v FROM meta"+asOf+" WHERE k = '"+storeUUIDKey+"'").Scan(&uuid)
	if errors.Is(err, ErrNoRows) || (err != nil && strings.Contains(err.Error(), "table not found")) {
		return "", nil
	}
	return uuid, err
}

// CheckStore fails with ErrOtherStore when the store at a revision is not the
// one whose UUID the Town's configuration names.
func (tx *Tx) CheckStore(ctx context.Context, revision, want string) error {
	got, err := tx.StoreUUID(ctx, revision)
	if err != nil {
		return err
	}
	if got != want {
		found := "a store without identity"
		if got != "" {
			found = fmt.Sprintf("%q", town.Clip(got, 64))
		}
		return town.Fail("check which store this is", "compare stores in config/town.yaml with what is in .gt/data",
			"%w: it is %s, this Town's is %q", ErrOtherStore, found, want)
	}
	return nil
}

// CreateStore makes a new database with its schema and its identity. It fails,
// wrapping fs.ErrExist, if anything exists at opts.Dir.
func CreateStore(ctx context.Context, opts Options, uuid string, steps []Migration) (*Local, error) {
	db, err := Create(ctx, opts)
	if err != nil {
		return nil, err
	}
	if err = db.Migrate(ctx, steps); err == nil {
		err = db.Identify(ctx, uuid)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Accept checks that an open database is the store of that UUID and brings its
// schema up to date. When it fails, it closes the database; another store is
// left untouched.
func (db *Local) Accept(ctx context.Context, uuid string, steps []Migration) error {
	err := db.View(ctx, func(tx *Tx) error { return tx.CheckStore(ctx, "HEAD", uuid) })
	if err == nil {
		err = db.Migrate(ctx, steps)
	}
	if err != nil {
		return errors.Join(err, db.Close())
	}
	return nil
}
