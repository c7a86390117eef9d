package ledger

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Store is an open ledger, or a view of one (see As). Its methods may be called
// from many goroutines. Every write goes through them, which is what keeps the
// caches right.
type Store struct {
	db          *doltdb.Local
	actor       town.Actor
	queries     atomic.Int64
	now         func() time.Time
	fingerprint *fingerprint
	marker      marker
	caches      *Caches
	words       *wordsCache
	uncached    atomic.Int64 // answers that were too large for their cache
	session     Session
	borrowed    bool // a view: Close leaves the ledger open
}

// Access calls fn with the ledger, which is open only while fn runs.
type Access func(ctx context.Context, fn func(*Store) error) error

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
	opts.Dir = db.Dir() // a reader may have got a copy
	f, err := openFingerprint(opts)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Store{
		db: db, actor: opts.Actor, now: time.Now, fingerprint: f, marker: marker(opts.Marker), words: &wordsCache{},
		session: Session{ReadOnly: opts.ReadOnly},
	}, nil
}

// Session says on whose behalf a Store is used, and what its reads may cost.
type Session struct {
	// Actor is the author of commits, events, comments and new beads.
	Actor town.Actor
	// Command, Wait and Waiting are those of doltdb.Session: the name that others
	// see while they wait for this caller, how long this caller waits for other
	// writers (0 means 30 s), and the function that is called with the reason of a
	// wait.
	Command string
	Wait    time.Duration
	Waiting func(what string)
	// ReadOnly refuses every write with town.ErrRefused.
	ReadOnly bool
	// MaxText bounds the bytes of text that one read may collect; a read that
	// would collect more ends with ErrTooMuch as soon as that shows. 0 means no
	// bound.
	MaxText int64
	// NoSuggestions leaves the nearest ids out of errors about unknown ids, because
	// finding them reads all ids.
	NoSuggestions bool
	// may is what Restrict sets.
	may May
}

// As returns a view of the ledger for one caller. It shares the open database and
// the caches with s, and counts its own Queries. Any number of views may be used
// at once. A view is cheap and need not be closed: its Close does nothing. Once
// s is closed, the view's methods fail with town.ErrBusy.
func (s *Store) As(session Session) *Store {
	return &Store{
		db: s.db.As(doltdb.Session{
			Actor: session.Actor, Command: session.Command, Wait: session.Wait, Waiting: session.Waiting,
		}),
		actor: session.Actor, now: s.now, fingerprint: s.fingerprint, marker: s.marker, caches: s.caches, words: s.words,
		session: session, borrowed: true,
	}
}

// Close releases the ledger. Reads and writes under way in views have a few
// seconds to end; later ones fail with town.ErrBusy. It is safe to call once.
func (s *Store) Close() error {
	if s.borrowed {
		return nil
	}
	return errors.Join(s.db.Close(), s.fingerprint.close())
}

// Queries is how many SQL statements this Store has sent so far, without those
// of its views. Transaction control and the commit itself are not counted.
func (s *Store) Queries() int64 { return s.queries.Load() }

// Actor is who this Store writes as.
func (s *Store) Actor() town.Actor { return s.actor }

// Dir is the database's directory.
func (s *Store) Dir() string { return s.db.Dir() }

// Head is the commit at the tip of the ledger: it changes with every write.
func (s *Store) Head(ctx context.Context) (string, error) { return s.db.Head(ctx) }

// CommitOthers commits the rows that programs other than gt wrote without a Dolt
// commit, as a commit of their own; see doltdb.Local.CommitOthers. Every write does
// so first.
func (s *Store) CommitOthers(ctx context.Context) error {
	return s.alter(func() (bool, error) {
		commit, err := s.db.CommitOthers(ctx)
		return commit != "" || err != nil, err
	})
}

// ReadAll reads every row of every table, to find out whether that is possible.
func (s *Store) ReadAll(ctx context.Context) error { return s.db.ReadAll(ctx) }

// moment is now, as precise as the database stores it.
func (s *Store) moment() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// Use says how the ledger's connections are and were used, in all views.
func (s *Store) Use() doltdb.Use { return s.db.Use() }

// GC rewrites the database without what no commit needs. Others may use the
// ledger meanwhile.
func (s *Store) GC(ctx context.Context) error {
	return s.alter(func() (bool, error) { return true, s.db.GC(ctx) })
}

// MaybeGC collects garbage when the database has outgrown a threshold, and says
// whether it did; see doltdb.Local.MaybeGC.
func (s *Store) MaybeGC(ctx context.Context) (did bool, err error) {
	err = s.alter(func() (bool, error) {
		did, err = s.db.MaybeGC(ctx)
		return did, err
	})
	return did, err
}

// alter runs fn, which may change the database's files, and then marks them as
// changed unless fn knows that they are not. The ledger cannot close in between.
func (s *Store) alter(fn func() (changed bool, err error)) error {
	if s.session.ReadOnly {
		return town.Fail("change the ledger", "leave --readonly out, if it was given", "%w: it is open for reading only", town.ErrRefused)
	}
	release, err := s.db.Hold()
	if err != nil {
		return err
	}
	defer release()
	changed, err := fn()
	if changed {
		s.fingerprint.renew()
		s.marker.touch(s.now())
	}
	return err
}

// UUID returns the identity of the ledger, which no other ledger has.
func (s *Store) UUID(ctx context.Context) (uuid string, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		uuid, err = tx.StoreUUID(ctx, "HEAD")
		return err
	})
	return uuid, err
}
