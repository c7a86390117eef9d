package doltdb

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// benchRows is how many rows the tables of the benchmarks have.
const benchRows = 10_000

func filled(b *testing.B, dir string) {
	b.Helper()
	ctx := context.Background()
	db, err := Create(ctx, options(dir))
	if err != nil {
		b.Fatal(err)
	}
	if err := db.Migrate(ctx, notes); err != nil {
		b.Fatal(err)
	}
	_, err = db.Update(ctx, "fill", func(tx *Tx) error {
		for n := 0; n < benchRows; n += 1000 {
			var rows []string
			for k := n; k < n+1000; k++ {
				rows = append(rows, fmt.Sprintf("('%d', '%s')", k, strings.Repeat("x", 400)))
			}
			if _, err := tx.Exec(ctx, "INSERT INTO notes VALUES "+strings.Join(rows, ",")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}

func benchServe(b *testing.B, dir string) Options {
	b.Helper()
	home, err := os.MkdirTemp("", "gt")
	if err != nil {
		b.Fatal(err)
	}
	opts := options(dir)
	opts.Socket = filepath.Join(home, "sql.sock")
	s, err := Serve(context.Background(), ServeOptions{Dir: filepath.Dir(dir), Planes: []string{filepath.Base(dir)}, Socket: opts.Socket})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			b.Error(err)
		}
		_ = os.RemoveAll(home)
	})
	return opts
}

// BenchmarkPlaces compares a database opened in this process with one behind
// the socket: reading one row by its key, committing a change of one row, one
// opening.
func BenchmarkPlaces(b *testing.B) {
	ctx := context.Background()
	dir := filepath.Join(b.TempDir(), "ledger")
	filled(b, dir)
	all := func(b *testing.B, opts Options) {
		db, err := OpenLocal(ctx, opts)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("point read", func(b *testing.B) {
			var took []time.Duration
			for n := 0; b.Loop(); n++ {
				began := time.Now()
				var body string
				err := db.View(ctx, func(tx *Tx) error {
					return tx.QueryRow(ctx, "SELECT body FROM notes WHERE id = ?", fmt.Sprint(n%benchRows)).Scan(&body)
				})
				if err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
		})
		b.Run("second read of a view", func(b *testing.B) {
			err := db.View(ctx, func(tx *Tx) error {
				for n := 0; b.Loop(); n++ {
					var body string
					if err := tx.QueryRow(ctx, "SELECT body FROM notes WHERE id = ?", fmt.Sprint(n%benchRows)).Scan(&body); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
		b.Run("update", func(b *testing.B) {
			for n := 0; b.Loop(); n++ {
				_, err := db.Update(ctx, "one", func(tx *Tx) error {
					_, err := tx.Exec(ctx, "UPDATE notes SET body = ? WHERE id = ?", fmt.Sprint("new", n), fmt.Sprint(n%benchRows))
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
		b.Run("open and close", func(b *testing.B) {
			for b.Loop() {
				db, err := OpenLocal(ctx, opts)
				if err != nil {
					b.Fatal(err)
				}
				if err := db.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("embedded", func(b *testing.B) { all(b, options(dir)) })
	b.Run("socket", func(b *testing.B) { all(b, benchServe(b, dir)) })
}

// BenchmarkStall reports the longest wait of a writer for one update, while the
// database is pushed to a mirror and while nothing else happens.
func BenchmarkStall(b *testing.B) {
	ctx := context.Background()
	dir := filepath.Join(b.TempDir(), "federation")
	filled(b, dir)
	opts := benchServe(b, dir)
	for _, pushing := range []bool{false, true} {
		b.Run(fmt.Sprint("push=", pushing), func(b *testing.B) {
			var longest time.Duration
			for b.Loop() {
				longest = max(longest, stall(b, ctx, opts, pushing))
			}
			b.ReportMetric(float64(longest.Microseconds())/1000, "longest-ms")
		})
	}
}

// stall is the longest of a series of updates, during a push of everything.
func stall(b *testing.B, ctx context.Context, opts Options, pushing bool) (longest time.Duration) {
	b.Helper()
	mirror := b.TempDir()
	shared, err := OpenShared(ctx, opts)
	if err != nil {
		b.Fatal(err)
	}
	defer shared.Close()
	// A client of its own, because OpenLocal would refuse a database that has a
	// remote.
	writer, err := openHere(ctx, opts.withDefaults())
	if err != nil {
		b.Fatal(err)
	}
	defer writer.Close()
	var push errgroup.Group
	done := make(chan struct{})
	push.Go(func() error {
		defer close(done)
		if pushing {
			return shared.Push(ctx, "stall", mirror)
		}
		return nil
	})
	for n, more := 0, true; more || n < 20; n++ {
		began := time.Now()
		_, err := writer.Update(ctx, "one", func(tx *Tx) error {
			_, err := tx.Exec(ctx, "UPDATE notes SET body = UUID() WHERE id = ?", fmt.Sprint(n))
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		longest = max(longest, time.Since(began))
		select {
		case <-done:
			more = false
		default:
		}
	}
	if err := push.Wait(); err != nil {
		b.Fatal(err)
	}
	return longest
}
