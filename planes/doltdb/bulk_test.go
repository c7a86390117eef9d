package doltdb

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Rows go out many to a statement and few enough for a message, in every mode,
// and their values into the columns that were named.
func TestWriteRows(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		db := p.create(t, filepath.Join(t.TempDir(), "federation"))
		write := func(mode WriteMode, rows ...[]any) (statements int, err error) {
			_, err = db.Update(t.Context(), "rows", func(tx *Tx) (err error) {
				statements, err = tx.WriteRows(t.Context(), Into{Mode: mode, Table: "notes", Columns: "body, id"}, slices.Values(rows))
				return err
			})
			return statements, err
		}
		var many [][]any
		for i := range 2*BulkRows + 1 {
			many = append(many, []any{fmt.Sprint("note ", i), strconv.Itoa(i)})
		}
		if n, err := write(Insert, many...); n != 3 || err != nil {
			t.Errorf("%d statements, %v", n, err)
		}
		large := strings.Repeat("x", bulkBytes*2/3)
		if n, err := write(Replace, []any{large, "0"}, []any{large, "1"}, []any{"small", "2"}); n != 2 || err != nil {
			t.Errorf("%d statements for two large rows and a small one, %v", n, err)
		}
		if n, err := write(Insert); n != 0 || err != nil {
			t.Errorf("%d statements for nothing, %v", n, err)
		}
		if _, err := write(Insert, []any{"taken", "2"}); err == nil {
			t.Error("a taken key was written over")
		}
		if _, err := write(InsertNew, []any{"taken", "2"}, []any{"new", "new"}); err != nil {
			t.Error(err)
		}
		if _, err := write(Replace, []any{"replaced", "3"}, []any{"4"}); err == nil || !strings.Contains(err.Error(), "body, id") {
			t.Errorf("a row without a value for each column: %v", err)
		}
		last := strconv.Itoa(2 * BulkRows)
		for id, want := range map[string]string{"new": "new", "0": large, "2": "small", "3": "note 3", last: "note " + last} {
			if got := get(t, db, id); got != want {
				t.Errorf("%s is %.20q, want %.20q", id, got, want)
			}
		}
	})
}
