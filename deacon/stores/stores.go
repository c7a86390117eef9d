// Package stores owns the databases that the Deacon has open: the server of the
// planes, the operational plane, and the ledger with its caches. A store is opened
// at its first use and lent to the parts, and to the commands that run in the
// Deacon, for as long as they use it.
//
// The planes are lent to one command at a time, which then has their directories
// for itself. Nothing is open here during that time. Afterwards, and after a change
// of the configuration, the stores are opened again.
package stores

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/deacon/part"
	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town/config"
	"gastown/town/layout"
)

// openTime bounds how long a store takes to open: its server is in this process.
const openTime = 5 * time.Second

// Server serves the Town's planes to other processes.
type Server interface {
	// Close stops serving and lets other processes open the planes.
	Close(context.Context) error
	// Lend gives up the planes until release is called. If release fails it may be
	// called again. If Lend fails and leaves the planes unserved, it also returns
	// release, which serves them again.
	Lend(context.Context) (release func(context.Context) error, err error)
}

// renewer is a Server that is reached by files of the Town.
type renewer interface {
	// Renew puts back what somebody removed. It fails with lockfile.ErrReplaced
	// when the databases' directories are not the server's own any more.
	Renew(context.Context) error
}

// fillable is a Server that knows whether its databases must be opened anew after the
// disk was full.
type fillable interface{ WasFull() bool }

// counting is a Server that counts the statements of its clients.
type counting interface{ Statements() int64 }

// Options are the options of Stores.
type Options struct {
	Log logrus.FieldLogger
	// Database says how to open a plane, as any command would.
	Database func(cfg *config.Config, plane string) doltdb.Options
	// Config returns the configuration in force.
	Config func() *config.Config
	// Own fails when the Town's directory is not the Deacon's any more. It is asked
	// before a store is opened by its path. May be nil.
	Own func() error
	// Pause is called before the planes are lent, and Resume when they are served
	// again.
	Pause  func(context.Context) error
	Resume func()
}

// Stores owns the open stores. Its methods may be called from many goroutines.
type Stores struct {
	opts       Options
	lending    chan struct{}  // holds a value while the planes are lent
	background sync.WaitGroup // leases that are taken back, stores that are closed
	life       context.Context
	end        context.CancelFunc

	operational *handle[*operational.Store]
	ledger      *handle[*ledger.Store]
	caches      caches
	uses        uses

	reopening atomic.Bool

	mu       sync.Mutex
	server   Server // nil if nothing is served
	unserved string // why the planes are not served again yet
}

// New returns a Stores without open stores.
func New(o Options) *Stores {
	s := &Stores{opts: o, lending: make(chan struct{}, 1)}
	s.life, s.end = context.WithCancel(context.Background())
	s.operational = newHandle(func(ctx context.Context) (*operational.Store, error) {
		ctx, cancel := context.WithTimeout(ctx, openTime)
		defer cancel()
		store, err := s.openOperational(ctx)
		if err == nil {
			s.uses.opened(layout.Operational, store)
		}
		return store, err
	})
	s.ledger = newHandle(s.openLedger)
	s.operational.closing = func(o *operational.Store) { s.uses.closing(o) }
	s.ledger.closing = func(l *ledger.Store) { s.uses.closing(l) }
	return s
}

// Serve sets the server; nil if another process serves the planes, or none does. It
// is called once, before the other methods.
func (s *Stores) Serve(server Server) { s.server = server }

// Served reports whether the planes are served from here.
func (s *Stores) Served() bool { return s.server != nil }

// Statements is how many SQL statements the server was sent; 0 when it does not count.
func (s *Stores) Statements() int64 {
	if c, ok := s.server.(counting); ok {
		return c.Statements()
	}
	return 0
}

// Renew looks whether the server can still be reached and owns its files; see
// renewer. It opens the databases anew when the disk was full and has room again.
func (s *Stores) Renew(ctx context.Context) error {
	if f, ok := s.server.(fillable); ok && f.WasFull() && s.reopening.CompareAndSwap(false, true) {
		s.background.Go(s.reopen)
	}
	if r, ok := s.server.(renewer); ok {
		return r.Renew(ctx)
	}
	return nil
}

// Configure applies the settings of a configuration. The stores are reopened for
// their next use, because their pools may differ.
func (s *Stores) Configure(cfg *config.Config) {
	s.caches.configure(cfg)
	s.replace()
}

// replace retires the open stores. Current uses continue.
func (s *Stores) replace() {
	s.closeLater("operational", s.operational.retire)
	s.closeLater("ledger", s.ledger.retire)
}

// closeLater retires a store, which is closed when its last use ends, or with the
// Deacon.
func (s *Stores) closeLater(plane string, retire func(context.Context) <-chan error) {
	closed := retire(s.life)
	s.background.Go(func() {
		if err := <-closed; err != nil {
			s.opts.Log.WithError(err).WithField("plane", plane).Warn("a store that was replaced was not closed in order")
		}
	})
}

// Close closes the stores and stops serving. Current uses have until ctx ends.
func (s *Stores) Close(ctx context.Context) error {
	s.end() // ends an attempt to serve the planes again
	err := s.shut(ctx)
	if s.server != nil {
		err = errors.Join(err, s.server.Close(ctx))
	}
	s.background.Wait()
	return err
}

// shut closes both stores and prevents opening them. Uses that have not ended when
// ctx ends will fail.
func (s *Stores) shut(ctx context.Context) error {
	first, second := s.operational.block(ctx), s.ledger.block(ctx)
	return errors.Join(<-first, <-second)
}

// resident reports whether stores may stay open here: this process or an external
// server serves the planes. Otherwise an open store would keep every other process
// out.
func (s *Stores) resident(plane string) bool {
	return s.server != nil || s.opts.Database(s.opts.Config(), plane).External != nil
}

// Operational calls fn with the operational plane. If it is not open here, for
// example during a lease, it is opened as a command would open it.
func (s *Stores) Operational(ctx context.Context, fn func(*operational.Store) error) error {
	if s.resident(layout.Operational) {
		store, release, err := s.operational.use(ctx)
		if err == nil {
			defer release()
			if err = fn(store); err != nil {
				// The server may have been restarted, so the next use reopens the
				// store.
				s.closeLater("operational", s.operational.retire)
			}
			return err
		}
		if !errors.Is(err, errBlocked) {
			return err
		}
	}
	store, err := s.openOperational(ctx)
	if err != nil {
		return err
	}
	return errors.Join(fn(store), store.Close())
}

// LendOperational is the operational plane, open until release is called. ok is
// false when it is not open here now; the caller then opens the plane itself.
func (s *Stores) LendOperational(ctx context.Context) (store *operational.Store, release func(), ok bool) {
	if !s.resident(layout.Operational) {
		return nil, nil, false
	}
	store, release, err := s.operational.use(ctx)
	if err != nil {
		s.opts.Log.WithError(err).Debug("the operational plane could not be opened")
		return nil, nil, false
	}
	return store, release, true
}

// own asks Options.Own.
func (s *Stores) own() error {
	if s.opts.Own == nil {
		return nil
	}
	return s.opts.Own()
}

func (s *Stores) openOperational(ctx context.Context) (*operational.Store, error) {
	if err := s.own(); err != nil {
		return nil, err
	}
	cfg := s.opts.Config()
	store, err := operational.Open(ctx, s.opts.Database(cfg, layout.Operational), cfg.Stores[layout.Operational])
	if err == nil {
		store.Retain(operational.Retention{Age: part.Duration(cfg, "deacon.log_age")})
	}
	return store, err
}

// Ledger is the Town's ledger, open with its caches, until release is called. ok is
// false when it is not open here now, because the planes are lent or not served;
// the caller then opens the ledger itself.
func (s *Stores) Ledger(ctx context.Context) (store *ledger.Store, release func(), ok bool) {
	if !s.resident(layout.Ledger) {
		return nil, nil, false
	}
	store, release, err := s.ledger.use(ctx)
	if err != nil {
		s.opts.Log.WithError(err).Debug("the ledger could not be opened")
		return nil, nil, false
	}
	return store, release, true
}

func (s *Stores) openLedger(ctx context.Context) (*ledger.Store, error) {
	if err := s.own(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	cfg := s.opts.Config()
	opts := s.opts.Database(cfg, layout.Ledger)
	opts.Wait = openTime
	store, err := ledger.Open(ctx, opts, cfg.Stores[layout.Ledger])
	if err != nil {
		return nil, err
	}
	s.uses.opened(layout.Ledger, store)
	if c := s.caches.current(); c != nil && s.server != nil {
		store.Cached(c)
	}
	return store, nil
}

// Collect collects the garbage of a plane: always, or only if its files have grown
// enough. did reports whether it collected.
func (s *Stores) Collect(ctx context.Context, plane string, always bool) (did bool, err error) {
	if err := s.own(); err != nil {
		return false, err
	}
	opts := s.opts.Database(s.opts.Config(), plane)
	var db *doltdb.Local
	if plane == layout.Federation {
		shared, err := doltdb.OpenShared(ctx, opts)
		if err != nil {
			return false, err
		}
		db = &shared.Local
	} else if db, err = doltdb.OpenLocal(ctx, opts); err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if always {
		return true, db.GC(ctx)
	}
	return db.MaybeGC(ctx)
}

// State reports whether the planes are lent, and why they cannot be served again;
// "" if there is no problem.
func (s *Stores) State() (lent bool, unserved string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lending) > 0, s.unserved
}
