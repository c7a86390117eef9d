package exchange

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"

	"gastown/planes/doltdb"
	"gastown/planes/doltdb/doltdbtest"
	"gastown/sync/share"
	"gastown/town"
)

// large has the test of limits use a store of full size:
//
//	go test ./planes/exchange -run Limit -large -v
var large = flag.Bool("large", false, "tests of limits use stores of a million records, which takes minutes")

// fillWith writes records of a Town in one commit, as another program could.
func (s *Store) fillWith(t *testing.T, owner town.ID, from, n int) {
	t.Helper()
	_, err := s.db.Update(t.Context(), "many records", func(tx *doltdb.Tx) error {
		_, err := tx.WriteRows(t.Context(), doltdb.Into{Mode: doltdb.Insert, Table: "beads", Columns: columns("")}, func(yield func([]any) bool) {
			for i := from; i < from+n; i++ {
				r := row{town: owner, Record: share.Record{ID: fmt.Sprintf("gt-%d", i), Values: map[string]string{"title": fmt.Sprint("bead ", i), "status": "open", "priority": "2"}}}
				var err error
				if r.seal, err = s.next(beads.name, r.register(), register{}); err != nil {
					t.Fatal(err)
				}
				if !yield(r.columnValues()) {
					return
				}
			}
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A million records of other Towns are checked and merged in bounded memory, with
// progress, and one more is refused before any is read.
func TestLimitOfRecords(t *testing.T) {
	n := 5000
	if *large {
		n = maxRows
	}
	a := newStore(t, "town-a")
	a.publish(t, []share.Record{record("gt-1", "one of ours")})
	theirs := a.clone(t, "town-c")
	theirs.fillWith(t, "town-c", 0, n-1)
	mirror := t.TempDir()
	if err := theirs.Push(t.Context(), "origin", mirror); err != nil {
		t.Fatal(err)
	}
	var checked int64
	a.opts.Checked = func(rows int64) { checked = rows }
	doltdbtest.Peak(t, fmt.Sprint(n, " records are taken"), func() {
		if got, err := a.take(t, mirror); err != nil || got.Records != n-1 {
			t.Fatalf("%d records, %v", got.Records, err)
		}
	})
	if checked < int64(n-2000) {
		t.Errorf("progress came to %d of %d", checked, n)
	}
	if !*large {
		return
	}
	theirs.fillWith(t, "town-c", n, 1)
	if err := theirs.Push(t.Context(), "origin", mirror); err != nil {
		t.Fatal(err)
	}
	doltdbtest.Peak(t, "one more is refused", func() {
		if _, err := a.take(t, mirror); !errors.Is(err, town.ErrRefused) || !strings.Contains(err.Error(), "the limit is") {
			t.Error(err)
		}
	})
}
