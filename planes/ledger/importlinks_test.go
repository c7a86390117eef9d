package ledger

import (
	"bytes"
	"fmt"
	"testing"

	"gastown/town"
)

// dangling are n beads, each of which is related to one that is nowhere, which
// the next one names too.
func dangling(n int) []town.Bead {
	list := sample(n)
	for i := range list {
		b := &list[i]
		b.Dependencies, b.Comments, b.Labels = nil, nil, nil
		for k := range 2 {
			b.Dependencies = append(b.Dependencies, town.Dependency{
				Bead: b.ID, Target: fmt.Sprintf("gt-gone%d", (i+k)%n), Type: town.DepRelated, CreatedAt: b.CreatedAt, CreatedBy: "ada",
			})
		}
	}
	return list
}

// An import looks up what its links lead to in as many queries as that takes in
// lists of batchRows ids, each id once.
func TestAnImportLooksUpEachTargetOnce(t *testing.T) {
	const n = 2*batchRows + 500
	queries := func(list []town.Bead) int64 {
		s := newLedger(t)
		before := s.Queries()
		imported(t, s, string(lines(t, list)), ImportOptions{})
		return s.Queries() - before
	}
	linked := dangling(n)
	plain := dangling(n)
	for i := range plain {
		plain[i].Dependencies = nil
	}
	const lookUps, inserts = 3, (2*n + writeRows - 1) / writeRows
	if got := queries(linked) - queries(plain); got != lookUps+inserts {
		t.Errorf("%d dangling links took %d queries, not %d to look them up and %d to write them", 2*n, got, lookUps, inserts)
	}
}

// BenchmarkImportDangling imports beads whose links lead nowhere: ten times as
// many may take ten times as long.
func BenchmarkImportDangling(b *testing.B) {
	for _, n := range []int{4_000, 40_000} {
		text := lines(b, dangling(n))
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				s := newLedger(b)
				b.StartTimer()
				if _, err := s.Import(b.Context(), bytes.NewReader(text), ImportOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
