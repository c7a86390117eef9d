package ledger

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"gastown/planes/doltdb"
)

// generationSuffix names the file beside the database that changes with every
// write of a Store, whichever process it is in.
const generationSuffix = ".generation"

// settleTime is how old the journal has to be before the answer of a write
// nobody announced may be kept.
const settleTime = 2 * time.Second

// generationBytes is how long its content is.
const generationBytes = 16

// witness tells states of the database apart without asking it.
//
// Where the database's files are on this machine, the state is told by what
// every commit changes on disk: the journal of new writes, which grows, and the
// manifest, which a collection replaces. Between the moment a write reaches the
// journal and the moment readers see it there is a gap, in which somebody may
// read the old state under the new sign. So each Store also writes random bytes
// to the generation file, after its commit is visible and before it reports
// success: what was read in the gap is then under a sign that never comes back.
//
// A writer that is killed before that leaves no such bytes. So what is read
// while the journal is newer than the generation file, and fresh, is not kept:
// after settleTime whatever a killed writer wrote is seen or lost.
//
// A database that another server has is asked for the hash of its root. That
// costs one small query, and needs no generation: the answer is taken before
// the read, and the root only moves on.
type witness struct {
	generation *os.File
	files      [2]string
}

// engine files whose state is part of the sign; see planes/doltdb.
var signed = [2]string{"vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv", "manifest"}

func openWitness(opts doltdb.Options) (*witness, error) {
	if opts.External != nil {
		return &witness{}, nil
	}
	f, err := os.OpenFile(opts.Dir+generationSuffix, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the ledger's mark of changes: %w", err)
	}
	w := &witness{generation: f}
	for i, name := range signed {
		w.files[i] = filepath.Join(opts.Dir, ".dolt", "noms", name)
	}
	return w, nil
}

func (w *witness) close() error {
	if w.generation == nil {
		return nil
	}
	return w.generation.Close()
}

// bump marks a change that is complete.
func (w *witness) bump() error {
	if w.generation == nil {
		return nil
	}
	var mark [generationBytes]byte
	_, _ = rand.Read(mark[:]) // never fails
	if _, err := w.generation.WriteAt(mark[:], 0); err != nil {
		return fmt.Errorf("mark a change of the ledger: %w", err)
	}
	return nil
}

// sign is different after every write that has returned. What is read after it
// was taken may be kept under it if it is settled: no write is under way.
func (s *Store) sign(ctx context.Context) (sign string, settled bool, err error) {
	w := s.witness
	if w.generation == nil {
		var root string
		err := s.read(ctx, func(q session) error {
			return q.each(ctx, func(rows *doltdb.Rows) error { return rows.Scan(&root) }, "SELECT dolt_hashof_db('WORKING')")
		})
		return root, true, err
	}
	var mark [generationBytes]byte
	n, err := w.generation.ReadAt(mark[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", false, fmt.Errorf("read the ledger's mark of changes: %w", err)
	}
	info, err := w.generation.Stat()
	if err != nil {
		return "", false, fmt.Errorf("look at the ledger's mark of changes: %w", err)
	}
	settled = true
	sign = hex.EncodeToString(mark[:n])
	for _, path := range w.files {
		var st syscall.Stat_t
		switch err := syscall.Stat(path, &st); {
		case errors.Is(err, os.ErrNotExist):
			sign += " none"
		case err != nil:
			return "", false, fmt.Errorf("look at %s: %w", path, err)
		default:
			sign += fmt.Sprintf(" %d.%d.%d.%d", st.Ino, st.Size, st.Mtim.Sec, st.Mtim.Nsec)
			at := time.Unix(st.Mtim.Unix())
			settled = settled && (!at.After(info.ModTime()) || time.Since(at) >= settleTime)
		}
	}
	return sign, settled, nil
}
