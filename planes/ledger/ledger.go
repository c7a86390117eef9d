package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Store is an open ledger. The caller closes it. Its methods may be called from
// many goroutines.
type Store struct {
	*doltdb.Local
	actor   town.Actor
	queries atomic.Int64
	now     func() time.Time
	witness *witness
	caches  *Caches
	unkept  atomic.Int64 // answers that were too large for their cache
	// curt Stores name no nearest ids; see Handle.
	curt bool
	// most bounds what one read collects, in bytes; 0 for no bound. See Handle.
	most int64
}

// Create makes a new, empty ledger with its own identity. It fails, wrapping
// fs.ErrExist, if anything is at opts.Dir already.
func Create(ctx context.Context, opts doltdb.Options, uuid string) (*Store, error) {
	db, err := doltdb.CreateStore(ctx, opts, uuid, migrations)
	if err != nil {
		return nil, err
	}
	return newStore(db, opts)
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
	return newStore(db, opts)
}

func newStore(db *doltdb.Local, opts doltdb.Options) (*Store, error) {
	w, err := openWitness(opts)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Store{Local: db, actor: opts.Actor, now: time.Now, witness: w}, nil
}

// Close releases the ledger. It is safe to call once.
func (s *Store) Close() error { return errors.Join(s.Local.Close(), s.witness.close()) }

// Queries is how many SQL statements this Store has sent so far. Transaction
// control and the commit itself are not counted.
func (s *Store) Queries() int64 { return s.queries.Load() }

// Actor is who this Store writes as.
func (s *Store) Actor() town.Actor { return s.actor }

// moment is now as the database keeps it.
func (s *Store) moment() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// session is one transaction or consistent view, with every statement counted.
type session struct {
	tx *doltdb.Tx
	n  *atomic.Int64
	// room is how many bytes of beads may still be read; nil for any number.
	room *int64
}

// collect takes room for what was read, and fails with ErrTooMuch when there is
// none left.
func (q session) collect(bytes int64) error {
	if q.room == nil {
		return nil
	}
	if *q.room -= bytes; *q.room < 0 {
		return ErrTooMuch
	}
	return nil
}

func (q session) each(ctx context.Context, scan func(*doltdb.Rows) error, query string, args ...any) error {
	if err := bound(args); err != nil {
		return err
	}
	q.n.Add(1)
	return q.tx.Each(ctx, scan, query, args...)
}

func (q session) exec(ctx context.Context, query string, args ...any) (int64, error) {
	if err := bound(args); err != nil {
		return 0, err
	}
	q.n.Add(1)
	return q.tx.Exec(ctx, query, args...)
}

// bound refuses arguments that are no text to the database: it would say so in
// words of its own.
func bound(args []any) error {
	for _, a := range args {
		if text, ok := a.(string); ok && !utf8.ValidString(text) {
			return fmt.Errorf("%w: %q is not UTF-8", town.ErrBadBead, town.Clip(text, 40))
		}
	}
	return nil
}

func (s *Store) read(ctx context.Context, fn func(session) error) error {
	return s.View(ctx, func(tx *doltdb.Tx) error {
		q := session{tx: tx, n: &s.queries}
		if left := s.most; left > 0 {
			q.room = &left
		}
		return fn(q)
	})
}

// write runs fn as one commit. fn may be run again when another writer came
// first, so it starts from scratch each time.
func (s *Store) write(ctx context.Context, message string, fn func(session) error) error {
	_, err := s.Local.Update(ctx, message, func(tx *doltdb.Tx) error { return fn(session{tx: tx, n: &s.queries}) })
	// Also after an error: a commit whose answer was lost may stand.
	return errors.Join(err, s.witness.bump())
}

// GC is doltdb's. It rewrites the files that the caches watch, so it is marked
// as complete like a write.
func (s *Store) GC(ctx context.Context) error {
	return errors.Join(s.Local.GC(ctx), s.witness.bump())
}

// MaybeGC is doltdb's, marked like GC.
func (s *Store) MaybeGC(ctx context.Context) (bool, error) {
	done, err := s.Local.MaybeGC(ctx)
	if !done {
		return false, err
	}
	return true, errors.Join(err, s.witness.bump())
}
