package federation

import (
	"errors"
	"flag"
	"fmt"
	"iter"
	"strings"
	"testing"

	"gastown/planes/doltdb"
	"gastown/planes/doltdb/doltdbtest"
	"gastown/town"
)

// large has the tests of limits use stores of full size:
//
//	go test ./planes/federation -run Limit -large -v
var large = flag.Bool("large", false, "tests of limits use stores of a million rows, which takes minutes")

// fillWith writes n rows of a table in one commit, as another program could.
func fillWith(t testing.TB, s *Store, table, columns string, n int, rowOf func(i int) []any) {
	t.Helper()
	var rows iter.Seq[[]any] = func(yield func([]any) bool) {
		for i := range n {
			if !yield(rowOf(i)) {
				return
			}
		}
	}
	_, err := s.db.Update(t.Context(), "many rows", func(tx *doltdb.Tx) error {
		_, err := tx.WriteRows(t.Context(), doltdb.Into{Mode: doltdb.Insert, Table: table, Columns: columns}, rows)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func issueRow(name string, i int, text string) []any {
	return values(town.Edit{Key: town.Key{Kind: town.KindTemplate, Name: name}, Version: fmt.Sprint(i + 1), Text: text, Revision: uint64(i + 1), Town: "town-1", Author: "A <a@b>"})
}

// limited100 gives a table a limit that a small store exceeds, unless -large is given.
func limited100(t testing.TB, table string) (most int) {
	if *large {
		return tableLimits[table]
	}
	former := tableLimits[table]
	tableLimits[table] = 100
	t.Cleanup(func() { tableLimits[table] = former })
	return 100
}

// A table with too many rows is refused before its rows are read, and one at the
// limit is taken.
func TestLimitOfRows(t *testing.T) {
	archivedRow := func(i int) []any {
		text := fmt.Sprint("text ", i)
		return []any{"role", "mayor", string(town.ContentDigest(text)), "", text}
	}
	resolution := func(i int) []any {
		v := Resolution{Proposal: town.ContentDigest(fmt.Sprint(i)), Outcome: OutcomeTheirs, Town: "t", Author: "A <a@b>"}
		return []any{string(v.ID()), string(v.Proposal), string(v.Outcome), string(v.Result), string(v.Town), v.Author}
	}
	proposal := func(i int) []any {
		p := town.Proposal{Key: mayor, Text: fmt.Sprint("text ", i), Revision: 1, Town: "t", Author: "A <a@b>"}
		return []any{string(p.ID()), string(p.Kind), p.Name, p.Delete, p.Base, p.Text, p.Revision, string(p.Town), p.Author}
	}
	document := func(k town.Kind) func(int) []any {
		return func(i int) []any {
			return values(town.Edit{Key: town.Key{Kind: k, Name: fmt.Sprintf("d%07d", i)}, Version: "1", Text: "x", Revision: 1, Town: "t", Author: "A <a@b>"})
		}
	}
	for table, c := range map[string]struct {
		columns string
		row     func(int) []any
	}{
		"roles": {columns(town.KindRole), document(town.KindRole)}, "formulas": {columns(town.KindFormula), document(town.KindFormula)},
		"templates": {columns(town.KindTemplate), document(town.KindTemplate)},
		"archive":   {"kind, name, digest, version, text", archivedRow}, "resolutions": {"id, proposal, outcome, result, town, author", resolution},
		"proposals": {proposalColumns, proposal},
		"towns":     {memberColumns, func(i int) []any { return []any{fmt.Sprint("t", i), "x", 1, "", false, 0} }},
	} {
		t.Run(table, func(t *testing.T) {
			most := limited100(t, table)
			s := newStore(t)
			fillWith(t, s, table, c.columns, most, c.row)
			doltdbtest.Peak(t, fmt.Sprint(most, " rows are taken"), func() {
				if err := s.CheckIncoming(t.Context(), "origin", "store-1", "", "HEAD"); err != nil {
					t.Fatal(err)
				}
			})
			fillWith(t, s, table, c.columns, 1, func(int) []any { return c.row(most) })
			doltdbtest.Peak(t, "one more is refused", func() {
				err := s.CheckIncoming(t.Context(), "origin", "store-1", "", "HEAD")
				if !errors.Is(err, town.ErrRefused) || !strings.Contains(err.Error(), fmt.Sprintf("it has %d rows; the limit is %d", most+1, most)) {
					t.Error(err)
				}
			})
		})
	}
}

// A template with a million issues is refused, and one at the limit is shown and
// merged with bounded memory. A writer adds none long before.
func TestLimitOfIssues(t *testing.T) {
	if !*large {
		t.Skip("takes a minute: -large")
	}
	s := newStore(t)
	list := columns(town.KindTemplate)
	fillWith(t, s, "templates", list, maxIssues, func(i int) []any { return issueRow("big", i, fmt.Sprintf("issue %d %s", i, strings.Repeat("x", 1000))) })
	doltdbtest.Peak(t, "a template at the limit is checked", func() {
		if err := s.CheckIncoming(t.Context(), "origin", "store-1", "", "HEAD"); err != nil {
			t.Fatal(err)
		}
	})
	first := ""
	err := s.db.View(t.Context(), func(tx *doltdb.Tx) (err error) { first, err = tx.First(t.Context(), "HEAD"); return err })
	if err != nil {
		t.Fatal(err)
	}
	doltdbtest.Peak(t, "and shown", func() {
		n := 0
		if err := s.Changed(t.Context(), first, "HEAD", func(State) error { n++; return nil }); err != nil || n != 1 {
			t.Error(n, err)
		}
	})
	_, err = s.Record(t.Context(), "one more", []FileEdit{s.editOf(t, town.Key{Kind: town.KindTemplate, Name: "big"}, "more", "")})
	if !errors.Is(err, town.ErrRefused) {
		t.Error(err)
	}
	fillWith(t, s, "templates", list, tableLimits["templates"]-maxIssues, func(i int) []any { return issueRow("big", maxIssues+i, "x") })
	doltdbtest.Peak(t, "a million issues are refused", func() {
		err := s.CheckIncoming(t.Context(), "origin", "store-1", "", "HEAD")
		if !errors.Is(err, town.ErrRefused) || !strings.Contains(err.Error(), "issues; the limit is") {
			t.Error(err)
		}
	})
}

// The texts of one template's issues are bounded together.
func TestLimitOfIssueBytes(t *testing.T) {
	var b issueBytes
	issue := town.Edit{Key: bug, Text: strings.Repeat("x", town.MaxDocumentBytes)}
	for i := range maxIssueBytes/town.MaxDocumentBytes + 1 {
		if err := b.add(issue); (err != nil) != (i == maxIssueBytes/town.MaxDocumentBytes) {
			t.Fatalf("issue %d: %v", i, err)
		}
	}
	issue.Name = "other"
	if err := b.add(issue); err != nil {
		t.Error(err)
	}
}

// However many proposals are open, a bounded number is read; the rest follows.
func TestLimitOfReviews(t *testing.T) {
	s := newStore(t)
	const open = 100
	text := strings.Repeat("x", town.MaxDocumentBytes-100)
	fillWith(t, s, "proposals", proposalColumns, open, func(i int) []any {
		p := town.Proposal{Key: town.Key{Kind: town.KindRole, Name: fmt.Sprintf("r%04d", i)}, Text: fmt.Sprint(i, text), Revision: 1, Town: "t", Author: "A <a@b>"}
		return []any{string(p.ID()), string(p.Kind), p.Name, p.Delete, p.Base, p.Text, p.Revision, string(p.Town), p.Author}
	})
	reviews, err := s.Reviews(t.Context())
	if err != nil || len(reviews) < 32 || len(reviews) == open || reviews[0].Name != "r0000" {
		t.Fatalf("%d reviews, %v", len(reviews), err)
	}
	if _, err := s.Resolve(t.Context(), reviews[0], OutcomeTheirs, "", "decided"); err != nil {
		t.Fatal(err)
	}
	if next, err := s.Reviews(t.Context()); err != nil || next[0].Name != "r0001" {
		t.Error(err)
	}
}

// Two Towns that both added many issues to a template merge them in bounded memory, and
// so are rows mended that another program wrote, and a join reads what a Town holds.
// What people are told of it stays short.
func TestLimitOfMergedIssues(t *testing.T) {
	base, each := 100, 40
	if *large {
		base, each = 100_000, 15_000
	}
	s := newStore(t)
	list := columns(town.KindTemplate)
	text := func(who string, i int) string { return fmt.Sprintf("%s %d %s", who, i, strings.Repeat("x", 1000)) }
	fillWith(t, s, "templates", list, base, func(i int) []any { return issueRow("big", i, text("base", i)) })
	from := headOf(t, s)
	fillWith(t, s, "templates", list, each, func(i int) []any { return issueRow("big", base+i, text("theirs", i)) })
	s.vouch(t)
	theirs := headOf(t, s)
	s.chained = false
	if err := s.db.Rewind(t.Context(), from); err != nil {
		t.Fatal(err)
	}
	fillWith(t, s, "templates", list, each, func(i int) []any { return issueRow("big", base+i, text("ours", i)) })
	s.vouch(t)
	ours := headOf(t, s)
	doltdbtest.Peak(t, fmt.Sprint("merge ", each, " issues of each side into ", base), func() {
		merged, err := s.Merge(t.Context(), from, ours, theirs, "merge")
		if err != nil || len(merged.Notes) > 25 {
			t.Fatalf("%d notes, %v", len(merged.Notes), err)
		}
		if last := merged.Notes[len(merged.Notes)-1]; !strings.Contains(last, fmt.Sprint("and ", each-20, " more")) {
			t.Errorf("the last note is %q", last)
		}
	})
	doltdbtest.Peak(t, "mend them", func() {
		if _, err := s.Mend(t.Context(), from, theirs); err != nil {
			t.Fatal(err)
		}
	})
	doltdbtest.Peak(t, "mend what another program rewrote", func() {
		was := headOf(t, s)
		s.exec(t, "UPDATE templates SET text = CONCAT('rewritten ', version) WHERE name = 'big'")
		if _, err := s.Mend(t.Context(), was, headOf(t, s)); err != nil {
			t.Fatal(err)
		}
	})
	doltdbtest.Peak(t, "read all that a Town holds", func() {
		h, err := s.Holdings(t.Context())
		if err != nil || len(h.Rows[town.Key{Kind: town.KindTemplate, Name: "big"}]) != base+2*each || len(h.Archive) != base+2*each {
			t.Fatalf("%d issues, %d archived, %v", len(h.Rows[town.Key{Kind: town.KindTemplate, Name: "big"}]), len(h.Archive), err)
		}
	})
}

func headOf(t testing.TB, s *Store) string {
	t.Helper()
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return head
}
