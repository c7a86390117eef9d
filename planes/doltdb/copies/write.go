package copies

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/dolthub/dolt/go/store/chunks"
	"github.com/dolthub/dolt/go/store/hash"
	"github.com/dolthub/dolt/go/store/nbs"
	"github.com/dolthub/dolt/go/store/types"

	"gastown/planes/doltdb/internal/engine"
)

const (
	// readAtOnce is how many chunks are read together; they are about 4 KiB each.
	readAtOnce = 1024
	// fileBytes is the size at which another table file is begun.
	fileBytes = 128 << 20
)

// references calls back for every address that a chunk refers to.
var references = types.WalkAddrsForNBF(types.Format_DOLT, nil)

// TableFile is a table file by name and number of chunks.
type TableFile struct {
	Name   string `json:"name"`
	Chunks uint32 `json:"chunks"`
}

// Write writes the chunks that the database has and known lacks to table files in dir, and
// returns the files. known must be closed: what a chunk of it refers to is in it as well.
// Every chunk is checked against its address, so that damage does not travel.
func (d *Database) Write(ctx context.Context, dir string, known Addresses) (files []TableFile, err error) {
	defer engine.Recovered("copy the "+d.Name+" database", &err)
	w := &writer{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(engine.Classify(err), w.cancel())
		}
	}()
	if err := d.walk(ctx, known, w.add); err != nil {
		return nil, err
	}
	if err := w.finish(); err != nil {
		return nil, err
	}
	return w.files, nil
}

// Complete reads every chunk that the database consists of and checks it against its
// address. It returns how many there are.
func (d *Database) Complete(ctx context.Context) (n int, err error) {
	defer engine.Recovered("read the copy of the "+d.Name+" database", &err)
	return n, d.walk(ctx, nil, func(nbs.ToChunker) error { n++; return nil })
}

// walk calls fn for each chunk that can be reached from the root and is not known.
func (d *Database) walk(ctx context.Context, known Addresses, fn func(nbs.ToChunker) error) error {
	root, ok := hash.MaybeParse(d.Root)
	if !ok {
		return fmt.Errorf("%w: its root is %q", ErrCorrupt, d.Root)
	}
	if known.has(root) {
		return nil
	}
	seen, todo := hash.NewHashSet(root), []hash.Hash{root}
	for len(todo) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		// The newest first, so that todo stays short.
		from := max(0, len(todo)-readAtOnce)
		batch := hash.NewHashSet(todo[from:]...)
		todo = todo[:from]
		found, err := d.read(ctx, batch)
		if err != nil {
			return err
		}
		for _, packed := range found {
			chunk, err := checked(packed)
			if err != nil {
				return err
			}
			err = references(chunk, func(h hash.Hash, _ bool) error {
				if !seen.Has(h) && !known.has(h) {
					seen.Insert(h)
					todo = append(todo, h)
				}
				return nil
			})
			if err != nil {
				return fmt.Errorf("%w: chunk %s: %w", ErrCorrupt, packed.Hash(), err)
			}
			if err := fn(packed); err != nil {
				return err
			}
		}
	}
	return nil
}

// read reads chunks, all of them or none.
func (d *Database) read(ctx context.Context, batch hash.HashSet) (found []nbs.ToChunker, err error) {
	var mu sync.Mutex
	asked := batch.Copy()
	err = d.chunks.GetManyCompressed(ctx, batch, func(_ context.Context, c nbs.ToChunker) {
		mu.Lock()
		defer mu.Unlock()
		if asked.Has(c.Hash()) {
			asked.Remove(c.Hash())
			found = append(found, c)
		}
	})
	if err != nil {
		return nil, err
	}
	for h := range asked {
		return nil, fmt.Errorf("%w: the %s database lacks chunk %s and %d more", ErrCorrupt, d.Name, h, asked.Size()-1)
	}
	return found, nil
}

// checked unpacks a chunk and checks it against its address.
func checked(packed nbs.ToChunker) (chunks.Chunk, error) {
	if packed.IsGhost() || packed.IsEmpty() {
		return chunks.EmptyChunk, fmt.Errorf("%w: chunk %s has no content", ErrCorrupt, packed.Hash())
	}
	chunk, err := packed.ToChunk()
	if err != nil {
		return chunk, fmt.Errorf("%w: chunk %s: %w", ErrCorrupt, packed.Hash(), err)
	}
	if hash.Of(chunk.Data()) != packed.Hash() {
		return chunk, fmt.Errorf("%w: a chunk does not hash to its address %s", ErrCorrupt, packed.Hash())
	}
	return chunk, nil
}

// writer writes chunks to table files of a bounded size.
type writer struct {
	dir   string
	files []TableFile
	now   *nbs.CmpChunkTableWriter // nil between two files
}

func (w *writer) add(c nbs.ToChunker) (err error) {
	if w.now == nil {
		if w.now, err = nbs.NewCmpChunkTableWriter(w.dir); err != nil {
			return err
		}
	}
	if _, err := w.now.AddChunk(c); err != nil {
		return err
	}
	if w.now.FullLength() >= fileBytes {
		return w.finish()
	}
	return nil
}

// finish ends the file that is being written.
func (w *writer) finish() error {
	if w.now == nil {
		return nil
	}
	_, name, err := w.now.Finish()
	if err != nil {
		return err
	}
	count := uint32(w.now.ChunkCount())
	if err := w.now.FlushToFile(filepath.Join(w.dir, name)); err != nil {
		return err
	}
	w.files, w.now = append(w.files, TableFile{Name: name, Chunks: count}), nil
	return nil
}

func (w *writer) cancel() error {
	if w.now == nil {
		return nil
	}
	return w.now.Cancel()
}
