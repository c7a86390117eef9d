package doltdb

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// A caller that gives up at any moment learns whether its change was made.
func TestInterruptedWritesTellWhatHappened(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		db := p.create(t, filepath.Join(t.TempDir(), "ledger"))
		began := time.Now()
		put(t, db, "first", "")
		took := time.Since(began)
		methods := map[string]func(context.Context, func(*Tx) error) error{
			"update": func(ctx context.Context, fn func(*Tx) error) error { _, err := db.Update(ctx, "add", fn); return err },
			"write":  db.Write,
		}
		for name, method := range methods {
			made, not := 0, 0
			for n := range 40 {
				id := name + strconv.Itoa(n)
				ctx, cancel := context.WithCancel(t.Context())
				timer := time.AfterFunc(rand.N(took), cancel)
				err := method(ctx, func(tx *Tx) error {
					_, err := tx.Exec(ctx, "INSERT INTO notes VALUES (?, '')", id)
					return err
				})
				timer.Stop()
				interrupted := ctx.Err() != nil
				cancel()
				var rows int
				failed := db.View(t.Context(), func(tx *Tx) error {
					return tx.QueryRow(t.Context(), "SELECT COUNT(*) FROM notes WHERE id = ?", id).Scan(&rows)
				})
				switch {
				case failed != nil:
					t.Fatal(failed)
				case err != nil && !interrupted:
					t.Errorf("%s: %v", name, err)
				case (err == nil) != (rows == 1):
					t.Errorf("%s, interrupted: it returned %v, and %d rows are there", name, err, rows)
				case err == nil:
					made++
				default:
					not++
				}
			}
			t.Logf("%s: %d were made, %d were not", name, made, not)
		}
	})
}
