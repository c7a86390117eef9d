package federation

import (
	"context"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/town"
)

const resolutionColumns = "id, proposal, outcome, result, town, author"

// siftedColumns are the columns of the tables whose rows are put back as they were.
var siftedColumns = map[string]string{
	"town_keys": keyChainColumns, "signatures": signatureColumns, "ranks": rankColumns, "resolutions": resolutionColumns, "towns": memberColumns,
}

// apply makes the rows that are not taken what they are at ours.
func (f *sift) apply(ctx context.Context) error {
	for table, rows := range f.restore {
		if err := write(ctx, f.tx, doltdb.Replace, table, siftedColumns[table], rows); err != nil {
			return err
		}
	}
	for table, keys := range f.drop {
		if err := removeRows(ctx, f.tx, table, keys); err != nil {
			return err
		}
	}
	for _, k := range []town.Kind{town.KindRole, town.KindFormula} {
		if err := f.copy(ctx, k, f.ours, f.keep[k]); err != nil {
			return err
		}
		if err := f.copy(ctx, k, f.theirs, f.take[k]); err != nil {
			return err
		}
	}
	return f.fix.write(ctx, f.tx)
}

// removeRows removes the rows with these keys, many with one statement.
func removeRows(ctx context.Context, tx *doltdb.Tx, table string, keys [][]any) error {
	columns := keyColumns[table]
	for part := range slices.Chunk(keys, batchSize) {
		row := placeholders(len(columns))
		where := "(" + strings.Join(columns, ", ") + ") IN (" + strings.TrimSuffix(strings.Repeat(row+", ", len(part)), ", ") + ")"
		if _, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE "+where, slices.Concat(part...)...); err != nil {
			return err
		}
	}
	return nil
}

// copy makes documents what they are at a revision. The texts do not leave the database.
func (f *sift) copy(ctx context.Context, k town.Kind, revision string, names []string) error {
	asOf, err := doltdb.AsOf(revision)
	if err != nil {
		return err
	}
	table := rowTable(k)
	for part := range slices.Chunk(names, batchSize) {
		where := " WHERE name IN " + placeholders(len(part))
		if _, err := f.tx.Exec(ctx, "DELETE FROM "+table+where, anys(part)...); err != nil {
			return err
		}
		copied := "INSERT INTO " + table + " (" + columns(k) + ") SELECT " + columns(k) + " FROM " + table + asOf + where
		if _, err := f.tx.Exec(ctx, copied, anys(part)...); err != nil {
			return err
		}
	}
	return nil
}

// maxProposed bounds how many refused documents of one merge wait as proposals. There
// are never so many unless somebody floods the federation; the others are told of.
const maxProposed = 1000

// propose has a document that is not taken wait for a person: the edit t, or its
// removal, beside o, which both sides had.
func (f *sift) propose(key town.Key, o, t *town.Edit) town.Digest {
	if f.store.Unsigned == UnsignedRefused || f.proposed >= maxProposed {
		return ""
	}
	f.proposed++
	p := town.Proposal{Key: key}
	if o != nil {
		p.Base, p.Revision = o.Text, o.Revision
	}
	if t == nil {
		p.Delete = true
	} else {
		p.Text, p.Revision, p.Town, p.Author = t.Text, t.Revision, t.Town, t.Author
	}
	f.fix.offer(p)
	return p.ID()
}
