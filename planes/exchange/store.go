package exchange

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gastown/planes/doltdb"
	"gastown/sync/share"
	"gastown/sync/sign"
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
	// Keys sign those rows. Ring has the keys of all Towns, with which rows that arrive
	// are checked. They are needed for writing and merging.
	Keys *sign.Keys
	Ring sign.Ring
	// uuid is the exchange; signatures name it.
	uuid string
	// hidden are Towns that a Shelf does not find, and denies says why a record may not
	// enter this Town; "" if it may. nil lets all enter.
	hidden []town.ID
	denies func(owner town.ID, id, author string) string
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
	return wrap(doltdb.Share(db), opts, uuid, id), nil
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
	return wrap(db, opts, uuid, id), nil
}

func wrap(db *doltdb.Shared, opts doltdb.Options, uuid string, id town.ID) *Store {
	return &Store{Replica: db.Replica(), db: db, opts: opts, Town: id, uuid: uuid}
}

// Clone makes the plane at opts.Dir a copy of a mirror, after the checks that a merge
// makes, without the rows that the present key of their Town has not signed. When a check
// fails, the copy is closed and the error says why; the caller owns the directory.
func Clone(ctx context.Context, opts doltdb.Options, remote, mirror, uuid string, id town.ID, ring sign.Ring) (*Store, error) {
	db, err := doltdb.Clone(ctx, opts, remote, mirror)
	if err != nil {
		return nil, err
	}
	s := wrap(db, opts, uuid, id)
	s.Ring = ring
	if _, err = s.CheckIncoming(ctx, remote, uuid, "", "HEAD"); err == nil {
		err = s.db.Migrate(ctx, migrations)
	}
	if err == nil {
		_, err = s.db.Update(ctx, "leave out what no Town has signed", func(tx *doltdb.Tx) error {
			var a Arrival
			if err := s.sift(ctx, tx, "", "", "HEAD", &a); err != nil {
				return err
			}
			return s.sweep(ctx, tx, a)
		})
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// rowColumns are the columns of a row: its key, its digest, its values, its seal.
var rowColumns = func() []string {
	list := []string{"town", "id", "digest"}
	for _, f := range share.Fields {
		list = append(list, f.Name)
	}
	return append(list, sealColumns...)
}()

// commas lists columns.
func commas(columns []string) string { return strings.Join(columns, ", ") }

// columns lists a row's columns, each with a prefix.
func columns(prefix string) string {
	return prefix + strings.Join(rowColumns, ", "+prefix)
}

// formerColumns are columns of a row as it was before the step stepSigned.
func formerColumns(prefix string) string {
	return prefix + strings.Join(rowColumns[:len(rowColumns)-len(sealColumns)], ", "+prefix) + ", NULL, NULL, NULL"
}

// live is a condition that selects the rows of records that were not withdrawn.
const live = "digest <> ''"

// row is a record as stored. Its digest may be wrong if another program wrote
// it.
type row struct {
	town   town.ID
	stored town.Digest
	share.Record
	seal
	// withdrawn: the Town shares the record no more. odd: the row has a value that is
	// empty instead of NULL, which no Town writes.
	withdrawn, odd bool
}

// register is the row without its values, with the digest that belongs to them.
func (r row) register() register {
	g := register{town: r.town, id: r.ID, seal: r.seal}
	if !r.withdrawn {
		g.value = string(r.Digest(r.town))
	}
	return g
}

func (r row) columnValues() []any {
	list := []any{string(r.town), r.ID, r.register().value}
	for _, f := range share.Fields {
		if v := r.Values[f.Name]; v != "" {
			list = append(list, v)
		} else {
			list = append(list, nil)
		}
	}
	return append(list, r.seal.values()...)
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
		if v := cells[i+3]; v != nil {
			r.Values[f.Name] = *v
			r.odd = r.odd || *v == ""
		}
	}
	last := len(cells) - len(sealColumns)
	r.seal = scanSeal(cells[last], cells[last+1], cells[last+2])
	r.withdrawn = r.stored == "" && len(r.Values) == 0
	return r, nil
}

// own reads one Town's records at a revision, one by one; revision "" is the
// current state of the session.
func own(ctx context.Context, tx *doltdb.Tx, revision string, id town.ID, yield func(row)) error {
	asOf, list := "", columns("")
	if revision != "" {
		steps, err := tx.Migrations(ctx, revision)
		if err != nil {
			return err
		}
		if asOf, err = doltdb.AsOf(revision); err != nil {
			return err
		}
		if len(steps) < stepSigned {
			list = formerColumns("")
		}
	}
	return tx.Each(ctx, func(rows *doltdb.Rows) error {
		r, err := scanRow(rows)
		if err == nil {
			yield(r)
		}
		return err
	}, "SELECT "+list+" FROM beads"+asOf+" WHERE town = ? AND "+live, string(id))
}
