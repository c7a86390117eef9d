package series

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"

	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/sirupsen/logrus"

	"gastown/town"
)

// File is a Reader of a directory that has no Store. It may be used by one goroutine.
type File struct {
	*Reader
	db   *tsdb.DBReadOnly
	view storage.Querier
}

// Open opens a directory for reading, as it is now. It changes nothing in it, except that
// it makes a directory of its own there, which Close removes. Where nothing was ever kept
// the error wraps fs.ErrNotExist. The caller closes it.
func Open(dir string, log logrus.FieldLogger) (*File, error) {
	f := &File{}
	err := guarded(func() (err error) {
		if _, err := os.Stat(dir); err != nil {
			return err
		}
		if f.db, err = tsdb.OpenDBReadOnly(dir, "", logger(log)); err == nil {
			f.view, err = f.db.Querier(math.MinInt64, math.MaxInt64)
		}
		return err
	})
	if err != nil {
		if f.db != nil {
			err = errors.Join(err, f.db.Close())
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read the figures in %s: %w", dir, err)
		}
		return nil, town.Fail("read the figures in "+dir, "gt deacon start puts aside what cannot be read", "%w", err)
	}
	f.Reader = newReader(func(int64, int64) (storage.Querier, error) { return open{f.view}, nil })
	return f, nil
}

// Close releases the directory.
func (f *File) Close() error { return errors.Join(f.view.Close(), f.db.Close()) }

// open is a view that stays open for the next question.
type open struct{ storage.Querier }

func (open) Close() error { return nil }

var _ storage.Queryable = (*Reader)(nil)

// Querier implements storage.Queryable, with which rules read.
func (r *Reader) Querier(mint, maxt int64) (storage.Querier, error) {
	return r.queryable.Querier(mint, maxt)
}

var _ storage.AppendableV2 = (*Store)(nil)
