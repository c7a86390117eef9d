package doltdb

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"gastown/town"
)

// WriteMode says what becomes of a row whose key is taken.
type WriteMode string

// The modes of WriteRows.
const (
	// Insert fails when a key is taken.
	Insert WriteMode = "INSERT"
	// InsertNew leaves rows alone that are there.
	InsertNew WriteMode = "INSERT IGNORE"
	// Replace writes over rows that are there.
	Replace WriteMode = "REPLACE"
)

// Into says where WriteRows writes.
type Into struct {
	Mode  WriteMode
	Table string
	// Columns are the names of the columns, with commas between them. Every row has
	// a value for each, in this order.
	Columns string
}

const (
	// BulkRows is how many rows one statement writes at most: with ten times as
	// many, an import of 5,000 beads into the ledger takes twice the time, and one
	// of 50,000 half as much again.
	BulkRows = 1000
	// bulkBytes is how many bytes of text one statement carries at most, unless one
	// row alone has more: the engine takes no message of any length.
	bulkBytes = 4 << 20
)

// WriteRows writes many rows with few statements, and says how many statements
// that took. Rows in the order of their key are written fastest, because the
// engine then rewrites the fewest pages. The slices that rows yields are not
// used after the next one was asked for.
func (tx *Tx) WriteRows(ctx context.Context, into Into, rows iter.Seq[[]any]) (statements int, err error) {
	head := string(into.Mode) + " INTO " + into.Table + " (" + into.Columns + ") VALUES "
	if err := guard(head); err != nil {
		return 0, err
	}
	columns := 1 + strings.Count(into.Columns, ",")
	row := "(?" + strings.Repeat(",?", columns-1) + ")"
	var args []any
	count, size := 0, 0
	flush := func() error {
		if count == 0 {
			return nil
		}
		statements++
		_, err := tx.conn.ExecContext(ctx, head+row+strings.Repeat(","+row, count-1), args...)
		if err != nil {
			return fmt.Errorf("%w in %q", err, town.Clip(head, 120))
		}
		args, count, size = args[:0], 0, 0
		return nil
	}
	for values := range rows {
		if len(values) != columns {
			return statements, fmt.Errorf("a row for %s has %d values for the columns %s", into.Table, len(values), into.Columns)
		}
		n := textBytes(values)
		if count == BulkRows || count > 0 && size+n > bulkBytes {
			if err := flush(); err != nil {
				return statements, err
			}
		}
		args, count, size = append(args, values...), count+1, size+n
	}
	return statements, flush()
}

func textBytes(values []any) (n int) {
	for _, v := range values {
		if text, ok := v.(string); ok {
			n += len(text)
		}
	}
	return n
}
