// Package ledger is the plane of the Town's work: beads, their dependencies,
// labels, comments and events, mail and convoys. It has an identity and nothing
// else yet; the tables and the vocabulary come with bd, as further steps of the
// schema.
//
// The plane is a doltdb.Local: it has no remote of its own. Rows leave it only
// by a share rule, through another database. Nothing here retries.
package ledger

import (
	"context"

	"gastown/planes/doltdb"
)

// migrations is the schema of the plane, oldest first. A released step never
// changes. The first has no statements of its own: every step brings the tables
// that say which store this is.
var migrations = []doltdb.Migration{{Name: "identity"}}

// Store is an open ledger. The caller closes it.
type Store struct{ *doltdb.Local }

// Create makes a new, empty ledger with its own identity. It fails, wrapping
// fs.ErrExist, if anything is at opts.Dir already.
func Create(ctx context.Context, opts doltdb.Options, uuid string) (*Store, error) {
	db, err := doltdb.CreateStore(ctx, opts, uuid, migrations)
	if err != nil {
		return nil, err
	}
	return &Store{Local: db}, nil
}

// Open opens the ledger, checks that it is the store of that UUID, and brings
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
