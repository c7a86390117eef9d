package ledger

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"gastown/planes/doltdb"
	"gastown/town"
)

// dangling makes n beads, each related to one that does not exist, which the
// next bead names too.
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

// An import asks once which targets of its links exist, however many there are,
// and not at all when the ledger was empty. It warns of those that do not
// exist.
func TestAnImportAsksOnceForItsTargets(t *testing.T) {
	for _, n := range []int{batchRows / 4, batchRows + 50} {
		for there, lookUps := range []int64{0, 1} { // one bead that is there before
			t.Run(fmt.Sprintf("%d links to %d beads", 2*n, there), func(t *testing.T) {
				linked, plain := dangling(n), dangling(n)
				for i := range plain {
					plain[i].Dependencies = nil
				}
				with, result := importQueries(t, there, linked)
				without, _ := importQueries(t, there, plain)
				inserts := int64((2*n + doltdb.BulkRows - 1) / doltdb.BulkRows)
				if with-without != lookUps+inserts {
					t.Errorf("the links took %d queries, not %d to look them up and %d to write them", with-without, lookUps, inserts)
				}
				// gt-gone0 is there, so the first line has one link that leads nowhere.
				if first := strings.Count(strings.Join(result.Warnings, "\n"), "line 1:"); first != 2-there || len(result.Warnings) != maxWarnings+1 {
					t.Errorf("%d warnings, %d of them of the first line", len(result.Warnings), first)
				}
			})
		}
	}
}

// importQueries imports into a ledger with gt-gone0, or with nothing.
func importQueries(t *testing.T, there int, list []town.Bead) (int64, ImportResult) {
	t.Helper()
	s := newLedger(t)
	if there > 0 {
		n := titled("a target")
		n.ID = "gt-gone0"
		create(t, s, n)
	}
	before := s.Queries()
	result := imported(t, s, string(lines(t, list)), ImportOptions{})
	return s.Queries() - before, result
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
