package federation

import (
	"context"
	"errors"
	"fmt"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Store is an open federation plane. The caller closes it.
type Store struct {
	doltdb.Replica
	db *doltdb.Shared
	// Town and Author are recorded with every edit made through this Store.
	Town   town.ID
	Author string
	opts   doltdb.Options
}

// Create makes a new, empty plane with its own identity.
func Create(ctx context.Context, opts doltdb.Options, uuid string, id town.ID) (*Store, error) {
	db, err := doltdb.CreateStore(ctx, opts, uuid, migrations)
	if err != nil {
		return nil, err
	}
	return wrap(doltdb.Share(db), opts, id), nil
}

// Open opens the plane, checks that it is the store of that UUID, and brings
// its schema up to date.
func Open(ctx context.Context, opts doltdb.Options, uuid string, id town.ID) (*Store, error) {
	db, err := doltdb.OpenShared(ctx, opts)
	if err == nil {
		err = db.Accept(ctx, uuid, migrations)
	}
	if err != nil {
		return nil, err
	}
	return wrap(db, opts, id), nil
}

// Origin says what a Clone was made of: the store, and the remote's commit.
type Origin struct{ UUID, Commit string }

// Clone makes the plane at opts.Dir a copy of a mirror, after the same checks as a
// merge, brings its schema up to date, and mends rows another program wrote. When a
// check fails the copy is closed; the caller owns the directory.
func Clone(ctx context.Context, opts doltdb.Options, remote, mirror string, id town.ID) (_ *Store, from Origin, err error) {
	db, err := doltdb.Clone(ctx, opts, remote, mirror)
	if err != nil {
		return nil, from, err
	}
	s := wrap(db, opts, id)
	foreign := false
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		if from.Commit, err = tx.Head(ctx); err != nil {
			return err
		}
		if from.UUID, err = tx.StoreUUID(ctx, "HEAD"); err != nil {
			return err
		}
		if from.UUID == "" {
			return town.Fail("adopt "+remote, "check the URL", "%w: it is not a federation store", doltdb.ErrOtherStore)
		}
		foreign, err = checkIncoming(ctx, tx, opts.CountChecked(), remote, from.UUID, "", "HEAD")
		return err
	})
	if err == nil {
		err = s.db.Migrate(ctx, migrations)
	}
	if err == nil && foreign {
		_, err = s.Mend(ctx, "", "HEAD")
	}
	if err != nil {
		return nil, from, errors.Join(err, db.Close())
	}
	return s, from, nil
}

func wrap(db *doltdb.Shared, opts doltdb.Options, id town.ID) *Store {
	return &Store{Replica: db.Replica(), db: db, Town: id, Author: opts.Actor.String(), opts: opts}
}

// rowTable is the table of the edits in force of a kind.
func rowTable(k town.Kind) string { return k.Dir() }

// columns are the columns of an edit in its kind's table, in the order of values
// and scanEdit.
func columns(k town.Kind) string {
	switch k {
	case town.KindRole:
		return "name, text, digest, revision, town, author"
	case town.KindFormula:
		return "name, version, text, digest, revision, town, author"
	default:
		return "name, version, text, deleted, digest, revision, town, author"
	}
}

// values are an edit's columns as arguments.
func values(e town.Edit) []any {
	digest := string(e.Digest())
	switch e.Kind {
	case town.KindRole:
		return []any{e.Name, e.Text, digest, e.Revision, string(e.Town), e.Author}
	case town.KindFormula:
		return []any{e.Name, e.Version, e.Text, digest, e.Revision, string(e.Town), e.Author}
	default:
		return []any{e.Name, e.Version, e.Text, e.Deleted, digest, e.Revision, string(e.Town), e.Author}
	}
}

// row is an edit as stored: its digest column may be wrong when another
// program wrote the row.
type row struct {
	town.Edit
	stored town.Digest
}

func (r row) intact() bool { return r.stored == r.Digest() }

// scanner is a row to read from: one of doltdb's, or cells of a conflict.
type scanner interface{ Scan(...any) error }

func scanEdit(s scanner, k town.Kind) (r row, err error) {
	r.Kind = k
	switch k {
	case town.KindRole:
		err = s.Scan(&r.Name, &r.Text, &r.stored, &r.Revision, &r.Town, &r.Author)
	case town.KindFormula:
		err = s.Scan(&r.Name, &r.Version, &r.Text, &r.stored, &r.Revision, &r.Town, &r.Author)
	default:
		err = s.Scan(&r.Name, &r.Version, &r.Text, &r.Deleted, &r.stored, &r.Revision, &r.Town, &r.Author)
	}
	if err != nil {
		return row{}, fmt.Errorf("read a row of %s: %w", rowTable(k), err)
	}
	return r, nil
}
