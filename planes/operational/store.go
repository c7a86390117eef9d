package operational

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gastown/planes/doltdb"
)

// migrations is the schema of the plane, oldest first. A released step never
// changes. Rows of all tables but versioned are in no commit: a later step that
// alters one of those tables has to commit its rows first.
var migrations = []doltdb.Migration{reviewSchema, watchSchema, feedSchema, workSchema, noticeSchema, refinerySchema, startSchema, conversationSchema, witnessSchema, holdSchema, alertSchema, targetSchema, trackerSchema, silenceSchema, spendingSchema, tuningSchema}

// versioned are the tables whose rows become part of commits.
var versioned = []string{"pending_reviews"}

// batchRows is how many rows one statement removes.
const batchRows = 500

// timeFormat is how times are stored: UTC, in microseconds.
const timeFormat = "2006-01-02 15:04:05.000000"

func stamp(t time.Time) string { return t.UTC().Format(timeFormat) }

// Store is an open operational plane. The caller closes it. Its methods may be
// called from many goroutines.
type Store struct {
	db        *doltdb.Local
	retention Retention
}

// Access calls fn with the plane, which is open only while fn runs.
type Access func(ctx context.Context, fn func(*Store) error) error

// Create makes a new, empty plane with its own identity. It fails, wrapping
// fs.ErrExist, if anything is at opts.Dir already.
func Create(ctx context.Context, opts doltdb.Options, uuid string) (*Store, error) {
	db, err := doltdb.CreateStore(ctx, opts, uuid, migrations)
	if err != nil {
		return nil, err
	}
	return &Store{db: db}, nil
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
	return &Store{db: db}, nil
}

// Close releases the plane. It is safe to call once.
func (s *Store) Close() error { return s.db.Close() }

// Use says how the plane's connections are and were used.
func (s *Store) Use() doltdb.Use { return s.db.Use() }

// GC rewrites the plane's files without what no row and no commit needs.
func (s *Store) GC(ctx context.Context) error { return s.db.GC(ctx) }

// MaybeGC is GC if the files have grown enough since the last one. It says
// whether it collected.
func (s *Store) MaybeGC(ctx context.Context) (bool, error) { return s.db.MaybeGC(ctx) }

// ReadAll reads every row of every table, to find out whether that is possible.
func (s *Store) ReadAll(ctx context.Context) error { return s.db.ReadAll(ctx) }

// read runs one query in a view of its own.
func (s *Store) read(ctx context.Context, what string, scan func(*doltdb.Rows) error, query string, args ...any) error {
	err := s.db.View(ctx, func(tx *doltdb.Tx) error { return tx.Each(ctx, scan, query, args...) })
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}

// write writes rows of one table.
func write(ctx context.Context, tx *doltdb.Tx, mode doltdb.WriteMode, table, columns string, rows [][]any) error {
	_, err := tx.WriteRows(ctx, doltdb.Into{Mode: mode, Table: table, Columns: columns}, slices.Values(rows))
	return err
}
