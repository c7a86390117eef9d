package feed

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
)

func event(n int) Event {
	return Event{
		Kind: "bead.updated", Subject: fmt.Sprintf("gt-%05d", n%5000), Actor: "rig/polecats/toast",
		Text: "status: open -> in_progress", Data: map[string]string{"field": "status", "old": "open", "new": "in_progress", "trail": fmt.Sprint(n)},
	}
}

func events(n, size int) (all []Event) {
	for i := range size {
		all = append(all, event(n+i))
	}
	return all
}

// fill makes the feed as large as it gets.
func fill(b *testing.B, f *Feed, rows int) {
	b.Helper()
	for n := 0; n < rows; n += 5000 {
		must(b, f.Append(b.Context(), events(n, 5000)...))
	}
}

// One event in a transaction, and a hundred, with a full feed.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1, 100} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			p, f := start(b)
			fill(b, f, 50_000)
			_, err := p.operational.MaybeGC(b.Context())
			must(b, err)
			for n := 0; b.Loop(); n++ {
				must(b, f.Append(b.Context(), events(n, size)...))
			}
		})
	}
}

func BenchmarkCollectNothing(b *testing.B) {
	p, f := start(b)
	collect(b, f)
	b.Run("Collect", func(b *testing.B) {
		for b.Loop() {
			collect(b, f)
		}
	})
	b.Run("signs", func(b *testing.B) { // what Wait does each second
		time.Sleep(3 * time.Second) // the last write has settled
		for b.Loop() {
			must(b, f.collectChanged(b.Context()))
		}
	})
	_ = p
}

// Changes of the ledger, by how many there are.
func BenchmarkCollect(b *testing.B) {
	for _, size := range []int{1, 100} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			p, f := start(b)
			collect(b, f)
			for b.Loop() {
				b.StopTimer()
				var beads []ledger.NewBead
				for range size {
					beads = append(beads, ledger.NewBead{Bead: town.Bead{Title: "title"}})
				}
				_, err := p.ledger.Create(b.Context(), beads)
				must(b, err)
				b.StartTimer()
				if c := collect(b, f); c.Events != size {
					b.Fatalf("%+v", c)
				}
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	_, f := start(b)
	fill(b, f, 50_000)
	for b.Loop() {
		p, err := f.After(b.Context(), 25_000, 100)
		if err != nil || len(p.Events) != 100 {
			b.Fatalf("%d, %v", len(p.Events), err)
		}
	}
}

// Ten times what the feed holds goes through it, collected by size as the Deacon
// does, with commits of reviews in between: the files stay as large as the rows.
func TestTheFeedStaysSmall(t *testing.T) {
	const rows, batch = 2000, 100
	p, f := start(t)
	p.retention = operational.Retention{Rows: rows}
	p.operational.Retain(p.retention)
	var largest int64
	for n := 0; n < 10*rows; n += batch {
		must(t, f.Append(t.Context(), events(n, batch)...))
		if n%rows == 0 {
			_, err := p.operational.Reviews(t.Context(), []operational.Review{{Proposal: town.ContentDigest(fmt.Sprint(n)), Name: "mayor"}}, time.Now())
			must(t, err)
		}
		if n%(5*batch) == 0 {
			_, err := p.operational.MaybeGC(t.Context())
			must(t, err)
		}
		largest = max(largest, size(t, p.options("operational", "").Dir))
	}
	must(t, p.operational.GC(t.Context()))
	end := size(t, p.options("operational", "").Dir)
	t.Logf("largest %.1f MB, in the end %.2f MB", float64(largest)/1e6, float64(end)/1e6)
	if largest > 25e6 || end > 1e6 {
		t.Errorf("the plane grew to %d bytes, and has %d in the end", largest, end)
	}
	st, err := p.operational.FeedState(t.Context())
	if err != nil || st.Last != 10*rows || st.Last-st.Dropped > rows {
		t.Errorf("%+v, %v", st, err)
	}
}

func size(t testing.TB, dir string) (total int64) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			info, err := d.Info()
			if err != nil {
				return err
			}
			total += info.Size()
		}
		return err
	}))
	return total
}
