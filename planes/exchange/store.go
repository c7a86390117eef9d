package exchange

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gastown/planes/doltdb"
	"gastown/sync/share"
	"gastown/town"
)

// Store is an open exchange plane. The caller closes it.
type Store struct {
	doltdb.Replica
	db *doltdb.Shared
	// opts are those it was opened with.
	opts doltdb.Options
	// Town owns the rows that this Store writes.
	Town town.ID
	// hidden are Towns that a Shelf does not find.
	hidden []town.ID
}

// UUID is the identity of the exchange of a federation. All its Towns compute
// the same one. When two Towns create the exchange at once, the later one finds
// a store with its own UUID and another history, and takes a copy of it.
func UUID(federation string) string {
	return string(town.DigestOf("exchange", federation)[:32])
}

// Create makes a new, empty plane. It fails, wrapping fs.ErrExist, if anything
// exists at opts.Dir.
func Create(ctx context.Context, opts doltdb.Options, uuid string, id town.ID) (*Store, error) {
	db, err := doltdb.CreateStore(ctx, opts, uuid, migrations)
	if err != nil {
		return nil, err
	}
	return wrap(doltdb.Share(db), opts, id), nil
}

// Open opens the plane, checks that it is the store of that UUID, and brings
// its schema up to date.
func Open(ctx context.Context, opts doltdb.Options, uuid string, id town.ID) (*Store, error) {
	db, err := doltdb.OpenShared(ctx, opts)
	if err == nil {
		err = db.Accept(ctx, uuid, migrations)
	}
	if err != nil {
		return nil, err
	}
	return wrap(db, opts, id), nil
}

func wrap(db *doltdb.Shared, opts doltdb.Options, id town.ID) *Store {
	return &Store{Replica: db.Replica(), db: db, opts: opts, Town: id}
}

// Clone makes the plane at opts.Dir a copy of a mirror, after the checks that a
// merge makes. When a check fails, the copy is closed and the error says why;
// the caller owns the directory.
func Clone(ctx context.Context, opts doltdb.Options, remote, mirror, uuid string, id town.ID) (*Store, error) {
	db, err := doltdb.Clone(ctx, opts, remote, mirror)
	if err != nil {
		return nil, err
	}
	s := wrap(db, opts, id)
	if _, err := s.CheckIncoming(ctx, remote, uuid, "", "HEAD"); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// rowColumns are the columns of a row: its key, its digest, its values.
var rowColumns = func() []string {
	list := []string{"town", "id", "digest"}
	for _, f := range share.Fields {
		list = append(list, f.Name)
	}
	return list
}()

// columns lists a row's columns, each with a prefix.
func columns(prefix string) string {
	return prefix + strings.Join(rowColumns, ", "+prefix)
}

// row is a record as stored. Its digest may be wrong if another program wrote
// it.
type row struct {
	town   town.ID
	stored town.Digest
	share.Record
}

func (r row) values() []any {
	list := []any{string(r.town), r.ID, string(r.Digest(r.town))}
	for _, f := range share.Fields {
		if v := r.Values[f.Name]; v != "" {
			list = append(list, v)
		} else {
			list = append(list, nil)
		}
	}
	return list
}

func scanRow(rows doltdb.Scanner) (r row, err error) {
	cells := make([]*string, len(rowColumns))
	dest := make([]any, len(cells))
	for i := range cells {
		dest[i] = &cells[i]
	}
	if err := rows.Scan(dest...); err != nil {
		return row{}, fmt.Errorf("read a row of beads: %w", err)
	}
	for i, into := range []*string{(*string)(&r.town), &r.ID, (*string)(&r.stored)} {
		if cells[i] != nil {
			*into = *cells[i]
		}
	}
	r.Values = map[string]string{}
	for i, f := range share.Fields {
		if v := cells[i+3]; v != nil && *v != "" {
			r.Values[f.Name] = *v
		}
	}
	return r, nil
}

// own reads one Town's rows at a revision, one by one; revision "" is the
// current state of the session.
func own(ctx context.Context, tx *doltdb.Tx, revision string, id town.ID, yield func(row)) error {
	asOf := ""
	if revision != "" {
		var err error
		if asOf, err = doltdb.AsOf(revision); err != nil {
			return err
		}
	}
	return tx.Each(ctx, func(rows *doltdb.Rows) error {
		r, err := scanRow(rows)
		if err == nil {
			yield(r)
		}
		return err
	}, "SELECT "+columns("")+" FROM beads"+asOf+" WHERE town = ?", string(id))
}
