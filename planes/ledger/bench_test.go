package ledger

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gastown/town"
)

// sample makes n beads like those of a project: texts of a few hundred bytes,
// labels, comments, chains and trees of links.
func sample(n int) []town.Bead {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	words := strings.Fields("parser fails when the input holds a tab refinery merges twice after a restart mail is slow under load retry the push")
	text := func(k int) string {
		var b strings.Builder
		for range k {
			b.WriteString(words[r.IntN(len(words))] + " ")
		}
		return strings.TrimSpace(b.String())
	}
	beads := make([]town.Bead, n)
	for i := range beads {
		b := &beads[i]
		at = at.Add(time.Minute)
		*b = town.Bead{
			ID: town.NewBeadID("gt", 8), Title: text(6), Description: text(40), Status: town.StatusOpen, Priority: r.IntN(5),
			Type: town.BeadTypes[r.IntN(5)], CreatedAt: at, UpdatedAt: at, CreatedBy: "ada",
			Labels: []string{words[r.IntN(len(words))]},
		}
		if r.IntN(3) == 0 {
			b.Status, b.ClosedAt = town.StatusClosed, &beads[i].UpdatedAt
		}
		if i > 0 && r.IntN(2) == 0 {
			b.Dependencies = []town.Dependency{{Bead: b.ID, Target: beads[r.IntN(i)].ID, Type: blocking[r.IntN(2)], CreatedAt: at, CreatedBy: "ada"}}
		}
		if r.IntN(4) == 0 {
			b.Comments = []town.Comment{{ID: "c" + strconv.Itoa(i), Bead: b.ID, Author: "bob", Text: text(12), CreatedAt: at}}
		}
	}
	return beads
}

func lines(t testing.TB, beads []town.Bead) []byte {
	t.Helper()
	var buf bytes.Buffer
	for _, b := range beads {
		if err := WriteLine(&buf, b); err != nil {
			t.Fatal(err)
		}
	}
	return buf.Bytes()
}

func size(t testing.TB, dir string) (n int64) {
	t.Helper()
	err := filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// BenchmarkLedger measures every operation at three sizes, without caches, with
// the number of queries of each.
func BenchmarkLedger(b *testing.B) {
	for _, n := range []int{100, 5_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmarkAt(b, n) })
	}
}

func benchmarkAt(b *testing.B, n int) {
	s := newLedger(b)
	beads := sample(n)
	text := lines(b, beads)
	ctx := b.Context()
	began := time.Now()
	if _, err := s.Import(ctx, bytes.NewReader(text), ImportOptions{}); err != nil {
		b.Fatal(err)
	}
	b.Logf("import of %d: %v, %d queries, %d bytes on disk", n, time.Since(began), s.Queries(), size(b, s.Dir()))
	ids := make([]string, 100)
	for i := range ids {
		ids[i] = beads[i].ID
	}
	patch := func(k int) []Patch {
		list := make([]Patch, k)
		for i := range list {
			title := town.NewBeadID("title", 10)
			list[i] = Patch{ID: ids[i], Title: &title}
		}
		return list
	}
	for _, op := range []struct {
		name string
		run  func() error
	}{
		{"create", func() error { _, err := s.Create(ctx, []NewBead{titled("one more")}); return err }},
		{"show1", func() error { _, err := s.Get(ctx, ids[:1], nil); return err }},
		{"show10", func() error { _, err := s.Get(ctx, ids[:10], nil); return err }},
		{"list100", func() error {
			var l []Item
			return s.List(ctx, Filter{Limit: 100, Not: []town.Status{"closed"}}, Collect(&l))
		}},
		{"listall", func() error { var l []Item; return s.List(ctx, Filter{}, Collect(&l)) }},
		{"update1", func() error { _, err := s.Update(ctx, patch(1)); return err }},
		{"update100", func() error { _, err := s.Update(ctx, patch(100)); return err }},
		{"close", func() error { _, err := closeBeads(ctx, s, ids[50:51], town.NewBeadID("r", 9)); return err }},
		{"ready50", func() error { var l []Item; return s.Ready(ctx, Filter{Limit: 50}, Collect(&l)) }},
		{"blocked50", func() error { _, err := s.Blocked(ctx, Filter{Limit: 50}); return err }},
		{"search50", func() error {
			var l []Item
			return s.List(ctx, Filter{Text: "refinery merges", Limit: 50}, Collect(&l))
		}},
		{"label50", func() error {
			var l []Item
			return s.List(ctx, Filter{Labels: []string{"tab"}, Limit: 50}, Collect(&l))
		}},
		{"stats", func() error { _, err := s.Stats(ctx); return err }},
		{"export", func() error { return s.Export(ctx, Filter{}, func(town.Bead) error { return nil }) }},
		{"cycles", func() error { _, err := s.DepCycles(ctx); return err }},
	} {
		b.Run(op.name, func(b *testing.B) {
			before := s.Queries()
			for b.Loop() {
				if err := op.run(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(s.Queries()-before)/float64(b.N), "queries/op")
		})
	}
}

// BenchmarkCommands measures what single commands cost inside a Deacon: one Store
// with caches serves views of different people. "after a write" is a read that
// finds no cached answer, because somebody has written since. It reports medians.
func BenchmarkCommands(b *testing.B) {
	s := newLedger(b)
	s.Cached(NewCaches(0, 0))
	ctx := b.Context()
	beads := sample(5_000)
	if _, err := s.Import(ctx, bytes.NewReader(lines(b, beads)), ImportOptions{}); err != nil {
		b.Fatal(err)
	}
	ids := make([]string, 10)
	for i := range ids {
		ids[i] = beads[i].ID
	}
	view := func() *Store { return s.As(Session{Actor: town.Actor{Name: "ada"}, Command: "bench"}) }
	write := func() error {
		title := town.NewBeadID("title", 10)
		_, err := view().Update(ctx, []Patch{{ID: beads[100].ID, Title: &title}})
		return err
	}
	ignore := func(Item) error { return nil }
	reads := map[string]func(*Store) error{
		"show1":   func(v *Store) error { _, err := v.Get(ctx, ids[:1], nil); return err },
		"show10":  func(v *Store) error { _, err := v.Get(ctx, ids, nil); return err },
		"list100": func(v *Store) error { return v.List(ctx, Filter{Limit: 100, Not: []town.Status{"closed"}}, ignore) },
		"ready50": func(v *Store) error { return v.Ready(ctx, Filter{Limit: 50}, ignore) },
	}
	for _, name := range slices.Sorted(maps.Keys(reads)) {
		median(b, name+"/cached", nil, func() error { return reads[name](view()) })
		median(b, name+"/after a write", write, func() error { return reads[name](view()) })
	}
	median(b, "update", nil, write)
	median(b, "create", nil, func() error { _, err := view().Create(ctx, []NewBead{titled("one more")}); return err })
	median(b, "comment", nil, func() error { _, err := view().Comment(ctx, ids[0], town.NewBeadID("said", 9)); return err })
}

// median runs a benchmark and reports the median of its duration, without that of
// before.
func median(b *testing.B, name string, before, op func() error) {
	b.Run(name, func(b *testing.B) {
		var took []time.Duration
		for b.Loop() {
			if before != nil {
				if err := before(); err != nil {
					b.Fatal(err)
				}
			}
			began := time.Now()
			if err := op(); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds()), "us-p50")
		b.ReportMetric(float64(took[len(took)*95/100].Microseconds()), "us-p95")
	})
}
