package operational

import (
	"context"

	"gastown/planes/doltdb"
)

// migrations is the schema of the plane, oldest first. A released step never
// changes.
var migrations = []doltdb.Migration{{
	Name: "pending reviews",
	Statements: []string{
		`CREATE TABLE pending_reviews (
			proposal CHAR(64) PRIMARY KEY, name VARCHAR(64) NOT NULL, first_seen DATETIME(6) NOT NULL)`,
	},
}, watch}

// Store is an open operational plane. The caller closes it.
type Store struct{ *doltdb.Local }

// Create makes a new, empty plane with its own identity. It fails, wrapping
// fs.ErrExist, if anything is at opts.Dir already.
func Create(ctx context.Context, opts doltdb.Options, uuid string) (*Store, error) {
	db, err := doltdb.CreateStore(ctx, opts, uuid, migrations)
	if err != nil {
		return nil, err
	}
	return &Store{Local: db}, nil
}

// Open opens the plane, checks that it is the store of that UUID, and brings
// its schema up to date. Another store is refused with doltdb.ErrOtherStore,
// one that has a remote with town.ErrRefused; both are left untouched.
func Open(ctx context.Context, opts doltdb.Options, uuid string) (*Store, error) {
	db, err := doltdb.OpenLocal(ctx, opts)
	if err == nil {
		err = db.Accept(ctx, uuid, migrations)
	}
	if err != nil {
		return nil, err
	}
	return &Store{Local: db}, nil
}
