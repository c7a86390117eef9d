package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"gastown/planes/doltdb"
)

// generationSuffix names the file beside the database that changes with every
// write of a Store, in whatever process.
const generationSuffix = ".generation"

// settleTime is how old the database's files must be before what is read is cached
// although the last write was not marked as complete.
const settleTime = 2 * time.Second

// generationBytes is the length of the generation file.
const generationBytes = 16

// fingerprint tells states of the database apart without a query.
//
// Where the database's files are on this machine, doltdb.FileState shows every
// commit. There is a gap between the moment a write reaches the files and the
// moment readers see it; somebody who reads in the gap may see the old rows under
// the new state of the files. So each Store also writes random bytes to the
// generation file after its commit is visible and before it reports success. What
// was read in the gap then belongs to a state that never returns.
//
// A writer that is killed in the gap leaves no such bytes, nor does one whose disk is
// full and whose files' times cannot be set. So nothing is cached that was read while
// the database's files are both newer than the generation file and younger than
// settleTime: after that, what the killed writer wrote is visible or lost.
//
// A database on another server is asked for the hash of its root. That costs one
// small query and needs no generation file: the hash is taken before the read,
// and the root never returns to an earlier value.
type fingerprint struct {
	generation *os.File // nil when another server has the database
	dir        string
}

func openFingerprint(opts doltdb.Options) (*fingerprint, error) {
	if opts.External != nil {
		return &fingerprint{}, nil
	}
	file, err := os.OpenFile(opts.Dir+generationSuffix, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the ledger's generation file: %w", err)
	}
	return &fingerprint{generation: file, dir: opts.Dir}, nil
}

func (f *fingerprint) close() error {
	if f.generation == nil {
		return nil
	}
	return f.generation.Close()
}

// renew marks a change as complete. It never fails, because the change is made: a
// caller who gets an error makes it again. Where the bytes cannot be written, for
// instance on a full disk, the file's time is the mark, since that needs no room.
func (f *fingerprint) renew() {
	if f.generation == nil {
		return
	}
	var mark [generationBytes]byte
	_, _ = rand.Read(mark[:]) // never fails
	if _, err := f.generation.WriteAt(mark[:], 0); err != nil {
		now := unix.NsecToTimeval(time.Now().UnixNano())
		_ = unix.Futimes(int(f.generation.Fd()), []unix.Timeval{now, now})
	}
}

// state differs after every write that has returned. What is read after the state
// was taken may be cached under it if it is settled: no write is under way.
func (s *Store) state(ctx context.Context) (state string, settled bool, err error) {
	f := s.fingerprint
	if f.generation == nil {
		var root string
		err := s.read(ctx, func(q txn) error {
			return q.each(ctx, func(rows *doltdb.Rows) error { return rows.Scan(&root) }, "SELECT dolt_hashof_db('WORKING')")
		})
		return root, true, err
	}
	release, err := s.db.Hold()
	if err != nil {
		return "", false, err
	}
	defer release()
	return f.ofFiles()
}

func (f *fingerprint) ofFiles() (state string, settled bool, err error) {
	var mark [generationBytes]byte
	n, err := f.generation.ReadAt(mark[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", false, fmt.Errorf("read the ledger's generation file: %w", err)
	}
	info, err := f.generation.Stat()
	if err != nil {
		return "", false, fmt.Errorf("examine the ledger's generation file: %w", err)
	}
	state, written, err := doltdb.FileState(f.dir)
	if err != nil {
		return "", false, err
	}
	state = fmt.Sprintf("%x %d %s", mark[:n], info.ModTime().UnixNano(), state)
	return state, !written.After(info.ModTime()) || time.Since(written) >= settleTime, nil
}
