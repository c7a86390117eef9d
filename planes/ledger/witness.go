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

	"gastown/planes/doltdb"
)

// generationSuffix names the file beside the database that changes with every
// write of a Store, whichever process it is in.
const generationSuffix = ".generation"

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

// sign is different after every write that has returned.
func (s *Store) sign(ctx context.Context) (string, error) {
	w := s.witness
	if w.generation == nil {
		var root string
		err := s.read(ctx, func(q session) error {
			return q.each(ctx, func(rows *doltdb.Rows) error { return rows.Scan(&root) }, "SELECT dolt_hashof_db('WORKING')")
		})
		return root, err
	}
	var mark [generationBytes]byte
	n, err := w.generation.ReadAt(mark[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the ledger's mark of changes: %w", err)
	}
	sign := hex.EncodeToString(mark[:n])
	for _, path := range w.files {
		var st syscall.Stat_t
		switch err := syscall.Stat(path, &st); {
		case errors.Is(err, os.ErrNotExist):
			sign += " none"
		case err != nil:
			return "", fmt.Errorf("look at %s: %w", path, err)
		default:
			sign += fmt.Sprintf(" %d.%d.%d.%d", st.Ino, st.Size, st.Mtim.Sec, st.Mtim.Nsec)
		}
	}
	return sign, nil
}
