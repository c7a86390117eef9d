package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gastown/planes/doltdb"
	"gastown/town"
)

// grown is a ledger of n open beads, oldest first b000 b001 ..., with links of
// beads by number: a link of 1 to 0 says that 1 waits for 0, or has it as parent.
func grown(t testing.TB, n int, blocks, parents [][2]int) *Store {
	t.Helper()
	s := newLedger(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	beads := make([]town.Bead, n)
	name := func(i int) string { return fmt.Sprintf("gt-b%03d", i) }
	for i := range beads {
		at = at.Add(time.Minute)
		beads[i] = town.Bead{
			ID: name(i), Title: "bead", Status: town.StatusOpen, Priority: i % 5, Type: town.TypeTask,
			CreatedAt: at, UpdatedAt: at, CreatedBy: "ada",
		}
	}
	for kind, links := range map[town.DepType][][2]int{town.DepBlocks: blocks, town.DepParent: parents} {
		for _, l := range links {
			b := &beads[l[0]]
			b.Dependencies = append(b.Dependencies, town.Dependency{Bead: b.ID, Target: name(l[1]), Type: kind, CreatedAt: at, CreatedBy: "ada"})
		}
	}
	if _, err := s.Import(t.Context(), strings.NewReader(string(lines(t, beads))), ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	return s
}

type contexts interface {
	Helper()
	Fatal(args ...any)
	Context() context.Context
}

func readyIDs(t contexts, s *Store, f Filter) (ids []string) {
	t.Helper()
	var items []Item
	if err := s.Ready(t.Context(), f, Collect(&items)); err != nil {
		t.Fatal(err)
	}
	for _, i := range items {
		ids = append(ids, i.ID)
	}
	return ids
}

// Ready beads are found among the first beads, with one query when there are
// enough, two when there are fewer, and three when nearly all of the first ones
// wait.
func TestReadyLooksAtTheFirst(t *testing.T) {
	// 600 wait for the last bead of all, which is ready with three others.
	var waiting [][2]int
	for i := range 600 {
		if i%5 < 4 {
			waiting = append(waiting, [2]int{i, 603})
		}
	}
	s := grown(t, 604, waiting, nil)
	all := readyIDs(t, s, Filter{})
	if len(all) != 124 {
		t.Fatalf("%d are ready", len(all))
	}
	for _, c := range []struct {
		limit, offset, queries int
	}{{1, 0, 3}, {3, 0, 3}, {200, 0, 3}, {400, 0, 2}, {500, 0, 2}} {
		before := s.Queries()
		got := readyIDs(t, s, Filter{Limit: c.limit, Offset: c.offset})
		if want := all[:min(c.limit, len(all))]; !slices.Equal(got, want) {
			t.Errorf("limit %d: %v, want %v", c.limit, got, want)
		}
		if n := s.Queries() - before; n != int64(c.queries) {
			t.Errorf("limit %d: %d queries, want %d", c.limit, n, c.queries)
		}
	}
	before := s.Queries()
	if got := readyIDs(t, s, Filter{Limit: 5, Priorities: []int{4}}); len(got) != 5 || s.Queries()-before != 1 {
		t.Errorf("%v, %d queries", got, s.Queries()-before)
	}
}

// A short list is the beginning of the whole one, whatever waits for what, even
// in cycles, which other programs can make.
func TestReadyShortIsPartOfWhole(t *testing.T) {
	const n = 30
	s := grown(t, n, nil, nil)
	rapid.Check(t, func(r *rapid.T) {
		pairs := rapid.SliceOfNDistinct(rapid.Custom(func(r *rapid.T) [2]int {
			return [2]int{rapid.IntRange(0, n-1).Draw(r, "bead"), rapid.IntRange(0, n-1).Draw(r, "of")}
		}), 0, 40, rapid.ID)
		links := map[town.DepType][][2]int{}
		for _, kind := range []town.DepType{town.DepBlocks, town.DepParent} {
			links[kind] = pairs.Draw(r, string(kind))
		}
		_, err := s.db.Update(r.Context(), "links", func(tx *doltdb.Tx) error {
			if _, err := tx.Exec(r.Context(), "DELETE FROM dependencies"); err != nil {
				return err
			}
			for kind, list := range links {
				for _, l := range list {
					_, err := tx.Exec(r.Context(), "INSERT INTO dependencies VALUES (?, ?, ?, NOW(), 'ada', NULL, NULL)",
						fmt.Sprintf("gt-b%03d", l[0]), fmt.Sprintf("gt-b%03d", l[1]), string(kind))
					if err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			r.Fatal(err)
		}
		f := Filter{
			Limit: rapid.IntRange(1, n).Draw(r, "limit"), Offset: rapid.IntRange(0, n).Draw(r, "offset"),
			Priorities: rapid.SliceOfN(rapid.IntRange(0, 4), 0, 3).Draw(r, "priorities"),
			Statuses:   rapid.SampledFrom([][]town.Status{nil, {town.StatusOpen}, town.Statuses}).Draw(r, "statuses"),
		}
		long := f
		long.Limit, long.Offset = 0, 0
		all := readyIDs(t, s, long)
		want := all[min(f.Offset, len(all)):min(f.Offset+f.Limit, len(all))]
		if got := readyIDs(t, s, f); !slices.Equal(got, want) {
			r.Fatalf("%+v: %v, want %v of %v", f, got, want, all)
		}
	})
}

// The engine reads only idx_urgency to choose a short list. For the default
// ready list it does not even sort.
func TestShortListsAreChosenByTheirIndex(t *testing.T) {
	s := grown(t, 10, nil, nil)
	for _, c := range []struct {
		name   string
		filter Filter
		sorted bool
	}{
		{"list", Filter{Limit: 5, Not: []town.Status{town.StatusClosed}}, true},
		{"all", Filter{Limit: 5}, true},
		{"types", Filter{Limit: 5, Types: []town.BeadType{"task", "bug"}, Not: []town.Status{town.StatusClosed}}, true},
		{"work of people", Filter{Limit: 5, Not: []town.Status{town.StatusClosed}, NotTypes: []town.BeadType{"gate", "message"}, Ephemeral: new(bool), NoTemplates: true}, true},
		{"by age", Filter{Limit: 5, Sort: []Order{{Field: "created_at"}}}, true},
		{"ready", Filter{Limit: 5, Statuses: []town.Status{town.StatusOpen}, NotTypes: town.ProgramTypes}, false},
	} {
		order := " ORDER BY i.priority, i.created_at DESC, i.id"
		if !c.sorted {
			order = " ORDER BY i.status, i.priority, i.created_at, i.id"
		}
		f, err := s.known(t.Context(), c.filter)
		if err != nil {
			t.Fatal(err)
		}
		w := f.urgent().conditions(s.moment())
		plan := ""
		err = s.read(t.Context(), func(q txn) error {
			return q.each(t.Context(), func(rows *doltdb.Rows) error {
				var line string
				err := rows.Scan(&line)
				plan += line + "\n"
				return err
			}, "EXPLAIN PLAN SELECT i.id FROM issues i"+w.String()+order+c.filter.bounds(), w.args...)
		})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(plan, "index: [issues.status,issues.priority,issues.created_at,issues.id,") || strings.Contains(plan, "TopN") != c.sorted {
			t.Errorf("%s:\n%s", c.name, plan)
		}
	}
}
