package federation

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/town"
	"gastown/town/group"
)

// CheckIncoming decides whether a revision that arrived from a remote may be merged:
// it must be this store, have this schema and no other table, and every row it
// changed since base must be valid. It changes nothing. An error is
// town.ErrRefused, doltdb.ErrNewerSchema or doltdb.ErrOtherStore.
func (s *Store) CheckIncoming(ctx context.Context, remote, uuid, base, theirs string) error {
	return s.db.View(ctx, func(tx *doltdb.Tx) error {
		_, err := checkIncoming(ctx, tx, s.opts.CountChecked(), remote, uuid, base, theirs)
		return err
	})
}

// CheckOutgoing decides, by the same rules, whether other Towns may merge the plane's
// tip. base is the last commit of the plane that the remote is known to hold; "" for
// none.
func (s *Store) CheckOutgoing(ctx context.Context, remote, uuid, base string) error {
	err := s.CheckIncoming(ctx, remote, uuid, base, "HEAD")
	return doltdb.Outgoing(remote, "this Town's federation plane", err)
}

// checkIncoming also says whether a program other than gt wrote some of the rows,
// so that Mend must give them digests. It calls counted for each row.
func checkIncoming(ctx context.Context, tx *doltdb.Tx, counted func(), remote, uuid, base, theirs string) (foreign bool, err error) {
	foreign, err = checkAll(ctx, tx, counted, remote, uuid, base, theirs)
	if err != nil && ctx.Err() == nil && town.Next(err) == "" {
		// For instance because a part of it is missing.
		err = doltdb.Refuse(remote, "it cannot be read: %w", err)
	}
	return foreign, err
}

func checkAll(ctx context.Context, tx *doltdb.Tx, counted func(), remote, uuid, base, theirs string) (foreign bool, err error) {
	in, err := tx.CheckShape(ctx, remote, uuid, base, theirs, shape)
	if err != nil {
		return false, err
	}
	for _, c := range in.Changed {
		if err := checkCounts(ctx, tx, c.Name, remote, theirs); err != nil {
			return false, err
		}
		columns, check := rowCheck(c.Name, in.Steps, &foreign)
		if read := check; read != nil {
			check = func(r scanner) (verdict, error) {
				counted()
				return read(r)
			}
		}
		if err := checkRows(ctx, tx, c, remote, in.From, theirs, columns, check); err != nil {
			return false, err
		}
	}
	return foreign, nil
}

// textColumns are the columns whose texts are read only if they are within the
// limit.
var textColumns = map[string][]string{
	"roles": {"text"}, "formulas": {"text"}, "templates": {"text"}, "archive": {"text"}, "proposals": {"text", "base"},
}

// checkRows reads the changed rows of a table once. A text that is too long is read
// as NULL, which fails the check; checkSizes then finds it. A table that is all
// new is read without a diff, which takes half the time. columns and check are of
// rowCheck.
func checkRows(ctx context.Context, tx *doltdb.Tx, c doltdb.ChangedTable, remote, base, theirs, columns string, check rowChecker) error {
	table := c.Name
	if check == nil {
		return nil
	}
	columns = limited(table, columns)
	if slices.Contains(neverRemoved, table) && !c.Whole {
		if err := checkRemoved(ctx, tx, table, remote, base, theirs, columns, check); err != nil {
			return err
		}
	}
	refused := func(err error) error { return doltdb.Refuse(remote, "table %s: %w", table, err) }
	err := judge(func(submit func(verdict)) error {
		take := func(r *doltdb.Rows) error {
			v, err := check(r)
			if err != nil {
				return refused(err)
			}
			submit(func() error {
				if err := v(); err != nil {
					return refused(err)
				}
				return nil
			})
			return nil
		}
		if c.Whole {
			return readEach(ctx, tx, table, theirs, strings.ReplaceAll(columns, "to_", ""), take)
		}
		return diffEach(ctx, tx, table, base, theirs, columns, "WHERE diff_type <> 'removed'", take)
	})
	if err != nil {
		return cmp.Or(checkSizes(ctx, tx, remote, table, base, theirs), err)
	}
	return nil
}

// limited makes a list of columns give NULL for a text that is too long.
func limited(table, columns string) string {
	for _, column := range textColumns[table] {
		columns = strings.Replace(columns, "to_"+column,
			fmt.Sprintf("IF(OCTET_LENGTH(to_%[1]s) > %[2]d, NULL, to_%[1]s)", column, town.MaxDocumentBytes), 1)
	}
	return columns
}

// checkRemoved refuses the removal of rows that are only ever added. A row that no
// Town would have taken may go: a repair removes it.
func checkRemoved(ctx context.Context, tx *doltdb.Tx, table, remote, base, theirs, columns string, check rowChecker) error {
	columns = strings.ReplaceAll(columns, "to_", "from_")
	return diffEach(ctx, tx, table, base, theirs, columns, "WHERE diff_type = 'removed'", func(r *doltdb.Rows) error {
		if !valid(check(r)) {
			return nil
		}
		return doltdb.Refuse(remote, "table %s: rows were removed, but its rows are only ever added", table)
	})
}

// valid reports that a row was read and passes its check.
func valid(v verdict, err error) bool { return err == nil && v() == nil }

// verdict checks a row that was read.
type verdict func() error

// judgeAhead is how many rows may be read before they are checked.
const judgeAhead = 32

// judge runs read and, on another goroutine, the verdicts that read hands on, in
// order. It returns the first error of a verdict, or read's.
func judge(read func(submit func(verdict)) error) error {
	verdicts, judging := make(chan verdict, judgeAhead), group.New()
	judging.Go(func() (bad error) {
		defer func() { // after a panic, so that read does not wait for a reader
			for range verdicts {
			}
		}()
		for v := range verdicts {
			if bad == nil {
				bad = v()
			}
		}
		return bad
	})
	err := read(func(v verdict) { verdicts <- v })
	close(verdicts)
	return cmp.Or(judging.Wait(), err)
}

// checkSizes refuses the first text that is too long.
func checkSizes(ctx context.Context, tx *doltdb.Tx, remote, table, base, theirs string) error {
	for _, column := range textColumns[table] {
		where := fmt.Sprintf("WHERE diff_type <> 'removed' AND OCTET_LENGTH(to_%s) > %d LIMIT 1", column, town.MaxDocumentBytes)
		err := diffEach(ctx, tx, table, base, theirs, "to_name, OCTET_LENGTH(to_"+column+")", where, func(r *doltdb.Rows) error {
			var name string
			var size int64
			if err := r.Scan(&name, &size); err != nil {
				return err
			}
			return doltdb.Refuse(remote, "table %s: the text of %q has %d bytes; the limit is %d", table, town.Clip(name, 64), size, town.MaxDocumentBytes)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
