package series

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/compression"

	"gastown/town/durable"
)

// How the database is opened.
const (
	// stripes and segment keep a small Town's store small: 19 MB in memory.
	stripes = 1024
	segment = 4 << 20
	// blockFile is the size of a file of older samples, which is allocated in full while it
	// is written.
	blockFile = 8 << 20
	// blockRange is how much time one file of samples holds at first.
	blockRange = 2 * time.Hour
	// never is longer than a process lives.
	never = 100 * 365 * 24 * time.Hour
)

// room is how much must be free before the directory is opened again, in bytes.
const room = 256 << 10

// probe fails if nothing can be written beside the directory.
func (s *Store) probe() error {
	f, err := os.CreateTemp(filepath.Dir(s.opts.Dir), ".series-probe-")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, room))
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// reopen opens the directory, and moves what cannot be read out of the way.
func (s *Store) reopen(now time.Time) error {
	aside := &aside{dir: s.opts.Dir, log: s.opts.Log, now: now}
	aside.expire(s.opts.Keep)
	if err := aside.clear(); err != nil {
		return err
	}
	var registry *prometheus.Registry
	log := logger(s.opts.Log)
	links := aside.link()
	open := func() (db *tsdb.DB, err error) {
		registry = prometheus.NewRegistry()
		err = guarded(func() error {
			db, err = tsdb.Open(s.opts.Dir, log, registry, s.tsdbOptions(), nil)
			return err
		})
		return db, err
	}
	db, err := open()
	for _, move := range []func() (bool, error){aside.blocks, aside.head, aside.all} {
		if err == nil || durable.OfMachine(err) {
			break
		}
		moved, failed := move()
		if failed != nil {
			return errors.Join(err, failed)
		}
		if moved {
			db, err = open()
		}
	}
	links(err == nil && repaired(registry))
	if err != nil {
		return err
	}
	places := []place{{path: s.opts.Dir}, {path: filepath.Join(s.opts.Dir, "wal")}, {path: filepath.Join(s.opts.Dir, "chunks_head")}}
	for i, p := range places {
		if places[i].info, err = os.Stat(p.path); err != nil {
			return errors.Join(err, db.Close())
		}
	}
	db.DisableCompactions() // tidy does it
	s.db, s.places = db, places
	found := newest(db)
	if found != 0 {
		found = max(found, now.UnixMilli())
	}
	s.changes.begin(found)
	return nil
}

// newest is the time of a database's newest sample, in milliseconds; 0 for none.
func newest(db *tsdb.DB) int64 {
	last := max(0, db.Head().MaxTime())
	for _, b := range db.Blocks() {
		last = max(last, b.MaxTime())
	}
	return last
}

func (s *Store) tsdbOptions() *tsdb.Options {
	o := tsdb.DefaultOptions()
	o.StripeSize, o.WALSegmentSize, o.WALCompression = stripes, segment, compression.Snappy
	o.HeadChunksWriteBufferSize = chunks.MinWriteBufferSize
	o.MaxBlockChunkSegmentSize = blockFile
	o.RetentionDuration, o.MaxBytes = s.opts.Keep.Milliseconds(), s.opts.Bytes
	o.MinBlockDuration = blockRange.Milliseconds()
	// As Prometheus does, so that the oldest block is not much longer than what is kept.
	o.MaxBlockDuration = max(o.MinBlockDuration, o.RetentionDuration/10)
	// The database starts nothing in the background, because a full disk would end the
	// process there; tidy does that work.
	o.BlockReloadInterval = never
	// The Deacon's own lock guards the Town.
	o.NoLockfile = true
	o.WALReplayConcurrency = 1
	return o
}
