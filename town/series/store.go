package series

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/sirupsen/logrus"

	"gastown/town"
	"gastown/town/durable"
)

// The bounds of what is kept where Options name none.
const (
	DefaultKeep  = 15 * 24 * time.Hour
	DefaultBytes = 512 << 20
)

const (
	// leastPause and mostPause are how long a Store waits before it tries to open its
	// directory again.
	leastPause, mostPause = 15 * time.Second, 5 * time.Minute
	// closeTime is how long closing may take.
	closeTime = 3 * time.Second
)

// ErrOff reports that a Store is not open.
var ErrOff = errors.New("no figures are kept")

// Options are the options of a Store.
type Options struct {
	// Dir is the directory. It is made if it does not exist.
	Dir string
	// Keep and Bytes bound what is kept; 0 means 15 days, and 512 MB.
	Keep  time.Duration
	Bytes int64
	Log   logrus.FieldLogger
	// Now is the clock.
	Now func() time.Time
	// Own fails when the place of the directory is not the caller's any more. Then nothing
	// is opened there. May be nil.
	Own func() error
}

// Store is the writer of a directory. Its methods may be called from many goroutines.
type Store struct {
	*Reader
	opts Options

	mu     sync.RWMutex // held for reading while db is used
	db     *tsdb.DB     // nil while it is not open
	on     bool         // Start was called, and Stop was not
	places []place
	// problem is why db is not open although on; again is when to try next, after pause.
	problem error
	again   time.Time
	pause   time.Duration

	// suspicion is an error that a file caused, until that was looked into. lastLook is
	// when that was.
	suspicion atomic.Pointer[suspicion]
	lastLook  time.Time

	appending sync.Mutex
	known     map[uint64]sample // the series of the last Append
	lateSince time.Time         // the first time that was refused as older than the newest sample; zero for none
	changes   changes
	// mapped and compacted are when tidy last did that.
	mapped, compacted time.Time
}

type suspicion struct {
	err error
	at  time.Time
}

// lookPause is how long after a look into damaged files the next one is, at least.
const lookPause = 10 * time.Minute

// place is a directory that must stay what it was when the database was opened.
type place struct {
	path string
	info os.FileInfo
}

// New returns a Store that is not open.
func New(o Options) *Store {
	if o.Keep <= 0 {
		o.Keep = DefaultKeep
	}
	if o.Bytes <= 0 {
		o.Bytes = DefaultBytes
	}
	s := &Store{opts: o}
	s.Reader = newReader(s.querier)
	s.Reader.suspect = s.suspected
	return s
}

// Bound sets what is kept, as Options.Keep and Options.Bytes, from the next Start on.
func (s *Store) Bound(keep time.Duration, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opts.Keep, s.opts.Bytes = keep, bytes
}

// Start opens the directory. When that is not possible, the Store says so in the log and
// in Problem, and tries again with a later Append.
func (s *Store) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.on {
		s.on, s.pause, s.again, s.mapped, s.compacted = true, leastPause, time.Time{}, time.Time{}, time.Time{}
		s.open()
	}
}

// Stop closes the directory. It waits for questions under way.
func (s *Store) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on, s.problem = false, nil
	return s.close()
}

// Problem is why nothing can be appended; nil if it can, and ErrOff before Start and
// after Stop.
func (s *Store) Problem() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if !s.on {
		return ErrOff
	}
	return s.problem
}

// open opens the directory, unless that failed a moment ago; mu is held. A database that
// could not be written stays open until there is room again, because closing it also writes.
func (s *Store) open() {
	now := s.opts.Now()
	if s.db != nil && s.problem == nil || now.Before(s.again) {
		return
	}
	var err error
	if s.opts.Own != nil {
		err = s.opts.Own()
	}
	if err == nil {
		err = s.probe()
	}
	if err == nil {
		_ = s.close() // what it could not write is lost
		err = s.reopen(now)
	}
	if err != nil {
		s.fail(err)
		return
	}
	if s.problem != nil {
		s.opts.Log.Info("figures are kept again")
	}
	s.problem, s.pause, s.again = nil, leastPause, time.Time{}
}

// fail notes why nothing can be kept, and when to try again; mu is held.
func (s *Store) fail(err error) {
	err = town.Fail("keep figures in "+s.opts.Dir, "the Deacon tries again by itself; gt deacon status shows how full the disk is", "%w", err)
	if s.problem == nil {
		s.opts.Log.WithError(err).Error("figures could not be written")
	}
	s.problem, s.again = err, s.opts.Now().Add(s.pause)
	s.pause = min(2*s.pause, mostPause)
}

// close closes the database; mu is held.
func (s *Store) close() error {
	db := s.db
	s.db = nil
	if db == nil {
		return nil
	}
	closed := make(chan error, 1)
	go func() { closed <- guarded(db.Close) }()
	select {
	case err := <-closed:
		if err != nil {
			return fmt.Errorf("close %s: %w", s.opts.Dir, err)
		}
		return nil
	case <-time.After(closeTime): // a fault of memory left a file in use
		return fmt.Errorf("close %s: a file is still in use", s.opts.Dir)
	}
}

// present makes sure that the database is open, can be written, and is the one that stands
// in its place.
func (s *Store) present() error {
	doubt := s.suspicion.Load()
	s.mu.RLock()
	fine := s.db != nil && s.problem == nil && doubt == nil && !s.moved()
	s.mu.RUnlock()
	if fine {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.on:
		return ErrOff
	case s.db == nil:
	case s.moved():
		s.opts.Log.WithField("dir", s.opts.Dir).Warn("the directory of figures was removed or replaced; a new one is begun")
		_ = s.close() // its files are gone
	case doubt != nil:
		s.look()
	}
	s.open()
	return s.problem
}

// look puts aside what cannot be read; mu is held.
func (s *Store) look() {
	s.suspicion.Store(nil)
	now := s.opts.Now()
	if since := now.Sub(s.lastLook); since >= 0 && since < lookPause && !s.lastLook.IsZero() {
		return
	}
	s.lastLook = now
	_ = s.close() // what fails then is looked into
	a := &aside{dir: s.opts.Dir, log: s.opts.Log, now: now}
	moved, err := a.unreadable()
	if err == nil && !moved {
		err = a.chunks()
	}
	if err != nil {
		s.opts.Log.WithError(err).Error("damaged figures could not be put aside")
	}
}

// moved reports whether a directory is not the one that was opened.
func (s *Store) moved() bool {
	for _, p := range s.places {
		if info, err := os.Stat(p.path); err != nil || !os.SameFile(info, p.info) {
			return true
		}
	}
	return false
}

// failed notes that the database could not be written. It is opened anew later: only that
// brings its log into order.
func (s *Store) failed(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db != nil && s.problem == nil {
		s.fail(err)
		if !durable.OfMachine(err) {
			s.suspected(err)
		}
	}
	return s.problem
}

// suspected notes that a file may be damaged. The next Append opens the database anew.
func (s *Store) suspected(err error) {
	if now := s.opts.Now(); s.suspicion.CompareAndSwap(nil, &suspicion{err, now}) {
		s.opts.Log.WithError(err).Warn("a file of figures seems to be damaged")
	}
}

// querier opens a view of the database, which holds it open.
func (s *Store) querier(mint, maxt int64) (storage.Querier, error) {
	s.mu.RLock()
	if s.db == nil {
		defer s.mu.RUnlock()
		if s.problem != nil {
			return nil, s.problem
		}
		return nil, ErrOff
	}
	q, err := s.db.Querier(mint, maxt)
	if err != nil {
		s.mu.RUnlock()
		return nil, err
	}
	return &held{Querier: q, release: sync.OnceFunc(s.mu.RUnlock)}, nil
}

type held struct {
	storage.Querier
	release func()
}

func (h *held) Close() error {
	defer h.release()
	return h.Querier.Close()
}

// AppenderV2 implements storage.AppendableV2: rules write their results with it.
func (s *Store) AppenderV2(ctx context.Context) storage.AppenderV2 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.db == nil {
		return broken{ErrOff}
	}
	return noting{s.db.AppenderV2(ctx), &s.changes}
}
