package federate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gastown/planes/ledger"
	"gastown/sync/share"
	"gastown/town"
)

// holds lists the beads of the Town's ledger: id and title.
func (s *sharer) holds() (list []string) {
	s.t.Helper()
	s.work(func(l *ledger.Store) error {
		return l.List(s.t.Context(), ledger.Filter{}, func(i ledger.Item) error {
			list = append(list, i.ID+" "+i.Title)
			return nil
		})
	})
	slices.Sort(list)
	return list
}

// bead reads a bead with its comments.
func (s *sharer) bead(id string) (b ledger.Detail) {
	s.t.Helper()
	s.work(func(l *ledger.Store) error {
		got, err := l.Get(s.t.Context(), []string{id}, nil)
		if err == nil {
			b = got[0]
		}
		return err
	})
	return b
}

// told is everything that a sync says to people.
func told(out Synced) string {
	notes := slices.Concat(out.Recorded.Notes, out.Pulled.Notes, out.Pushed.Recorded.Notes)
	if out.Pushed.Pulled != nil {
		notes = append(notes, out.Pushed.Pulled.Notes...)
	}
	return strings.Join(notes, "\n")
}

var everything = share.Rule{Name: "all", Fields: []string{"title", "status", "priority", "updated_at", "description", "notes", "labels"}}

// Whatever of a Town is older than what it published, its records stay shared, and
// its ledger gets back those that it lost.
func TestRecordsOfAnOlderTownAreAdopted(t *testing.T) {
	t.Parallel()
	for name, paths := range map[string][]string{
		"all":                       {""},
		"databases":                 {".gt/data", ".gt/exchange"},
		"ledger":                    {".gt/data/ledger"},
		"exchange":                  {".gt/exchange"},
		"private":                   {".gt"},
		"databases, exchange lost":  {".gt/data"},
		"notes and databases":       {".gt/data", ".gt/exchange", ".gt/remotes/origin/sync.json"},
		"ledger and notes":          {".gt/data/ledger", ".gt/remotes/origin/sync.json"},
		"exchange, remote and data": {".gt/data", ".gt/exchange", ".gt/remotes"},
	} {
		for _, call := range []string{"sync", "push"} {
			t.Run(name+" "+call, func(t *testing.T) {
				t.Parallel()
				url := bare(t)
				a, b := newSharer(t, "alpha"), newSharer(t, "beta")
				a.rules(everything)
				a.beads(town.Bead{ID: "gt-1", Title: "one", Description: "first"}, town.Bead{ID: "gt-0", Title: "closed later"})
				a.init(url)
				b.join(url)
				var restore []func()
				for _, path := range paths {
					restore = append(restore, a.backup(path))
				}
				a.beads(town.Bead{ID: "gt-2", Title: "two", Labels: []string{"new"}, Notes: "of two"})
				a.describe("gt-1", "second")
				a.work(patch(t, `[{"id":"gt-0","status":"closed"}]`))
				a.push(url)
				want := a.holds()
				for _, r := range restore {
					r()
				}
				if strings.Contains(name, "lost") {
					if err := os.RemoveAll(filepath.Join(a.dir, ".gt/exchange")); err != nil {
						t.Fatal(err)
					}
				}
				said := ""
				if call == "sync" {
					said = told(a.sync(url))
				} else {
					out := a.push(url)
					said = told(Synced{Pushed: out})
				}
				if got := a.holds(); !slices.Equal(got, want) {
					t.Errorf("the ledger holds %q, want %q", got, want)
				}
				if lost := name != "exchange"; strings.Contains(said, "adopted 1 record(s) of this Town that its ledger did not have (gt-2)") != lost ||
					strings.Contains(said, "put back") {
					t.Errorf("it says %q", said)
				}
				if got := a.bead("gt-1"); got.Description != "second" || len(got.Comments) > 0 {
					t.Errorf("%+v", got)
				}
				if got := a.bead("gt-2"); got.Notes != "of two" || !slices.Equal(got.Labels, []string{"new"}) {
					t.Errorf("%+v", got)
				}
				if got := a.bead("gt-0"); got.Status != town.StatusClosed || got.ClosedAt == nil {
					t.Errorf("%+v", got)
				}
				a.sync(url)
				b.pull(url)
				if got := b.seen("alpha"); !slices.Equal(got, want) {
					t.Errorf("the other Town sees %q", got)
				}
				// What is selected equals what is there, so nothing is written again.
				if out := a.sync(url); !out.Pushed.UpToDate || out.Pushed.Shared.Moved() || told(out) != "" {
					t.Errorf("%+v %q", out.Pushed.Shared, told(out))
				}
			})
		}
	}
}

// A bead of an older ledger was edited before it met what this Town had published of
// it. Each field is merged for itself, and what loses is in a comment.
func TestEditOfAnOlderLedgerMeetsWhatWasPublished(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", ".gt/data/ledger"} {
		t.Run("restored "+path, func(t *testing.T) {
			t.Parallel()
			url := bare(t)
			a, b := newSharer(t, "alpha"), newSharer(t, "beta")
			a.rules(everything)
			a.beads(town.Bead{ID: "gt-1", Title: "one", Description: "first", Notes: "first", Labels: []string{"old", "both"}})
			a.init(url)
			b.join(url)
			restore := a.backup(path)
			a.work(patch(t, `[{"id":"gt-1","description":"published","notes":"published","priority":0,"labels":["both","theirs"]}]`))
			a.push(url)
			restore()
			a.work(patch(t, `[{"id":"gt-1","description":"after the restore","title":"renamed","labels":["both","old","ours"]}]`))
			said := told(a.sync(url))
			if !strings.Contains(said, "merged into the ledger 1 record(s)") {
				t.Errorf("%q", said)
			}
			got := a.bead("gt-1")
			if got.Title != "renamed" || got.Description != "after the restore" || got.Notes != "published" || got.Priority != 0 ||
				!slices.Equal(got.Labels, []string{"both", "ours", "theirs"}) {
				t.Errorf("%+v", got.Bead)
			}
			if len(got.Comments) != 1 || !strings.Contains(got.Comments[0].Text, "description: published") {
				t.Errorf("%+v", got.Comments)
			}
			b.pull(url)
			if got := b.seen("alpha"); !slices.Equal(got, []string{"gt-1 renamed"}) {
				t.Errorf("%q", got)
			}
			if out := a.sync(url); !out.Pushed.UpToDate || told(out) != "" {
				t.Errorf("%+v %q", out.Pushed, told(out))
			}
		})
	}
}

// A record that came back and that no rule selects here stays shared until a person
// deletes the bead or has a rule select it.
func TestAdoptedRecordThatNoRuleSelects(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"deleted", "selected"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			url := bare(t)
			a, b := newSharer(t, "alpha"), newSharer(t, "beta")
			one, two := share.Rule{Name: "one", Labels: []string{"one"}}, share.Rule{Name: "two", Labels: []string{"two"}}
			two.Fields = []string{"title", "updated_at", "labels"}
			a.rules(one)
			a.beads(town.Bead{ID: "gt-1", Title: "one", Labels: []string{"one"}})
			a.init(url)
			b.join(url)
			restore := a.backup("")
			a.rules(one, two)
			a.beads(town.Bead{ID: "gt-2", Title: "two", Labels: []string{"two"}})
			a.push(url)
			restore()
			said := told(a.sync(url))
			if !strings.Contains(said, "adopted 1 record(s)") || !strings.Contains(said, "no rule selects 1 of them here (gt-2)") {
				t.Errorf("%q", said)
			}
			for range 2 {
				a.describe("gt-1", "again")
				if out := a.sync(url); out.Pushed.Shared.Removed > 0 {
					t.Errorf("%+v", out.Pushed.Shared)
				}
			}
			b.pull(url)
			if got := b.seen("alpha"); !slices.Equal(got, []string{"gt-1 one", "gt-2 two"}) {
				t.Errorf("%q", got)
			}
			if end == "deleted" {
				a.work(func(l *ledger.Store) error { return l.Delete(t.Context(), []string{"gt-2"}, "") })
			} else {
				a.rules(one, two)
				a.push(url)
				a.rules(one)
			}
			if out := a.push(url); out.Shared.Removed != 1 {
				t.Errorf("%+v", out.Shared)
			}
			b.pull(url)
			if got := b.seen("alpha"); !slices.Equal(got, []string{"gt-1 one"}) {
				t.Errorf("%q", got)
			}
		})
	}
}

// A copy of a Town may not publish as that Town, and takes back nothing that the Town
// shared meanwhile.
func TestCopiesOfATownTakeNothingBack(t *testing.T) {
	t.Parallel()
	url := bare(t)
	a, b := newSharer(t, "alpha"), newSharer(t, "beta")
	a.rules(everything)
	a.beads(town.Bead{ID: "gt-1", Title: "one"})
	a.init(url)
	b.join(url)
	twin := filepath.Join(tempDir(t), "twin")
	copyOf(t, a.dir, twin)
	second := newSharerAt(t, twin, "alpha")
	for i := range 3 {
		a.beads(town.Bead{ID: fmt.Sprintf("gt-a%d", i), Title: "of the first"})
		a.sync(url)
		second.beads(town.Bead{ID: fmt.Sprintf("gt-b%d", i), Title: "of the second"})
		if _, err := second.Sync(t.Context(), Remote{Name: "origin", URL: url}, false); !errors.Is(err, town.ErrRefused) {
			t.Errorf("%v", err)
		}
	}
	a.sync(url)
	b.pull(url)
	if got := b.seen("alpha"); len(got) != 4 {
		t.Errorf("%q", got)
	}
	// What the Town shares meanwhile is not the copy's: it may become another Town.
	if first, other := a.holds(), second.holds(); len(first) != 4 || len(other) != 4 {
		t.Errorf("%q, %q", first, other)
	}
}

// The federation plane of a Town that is older than what it published has everything
// again after a sync, and no row of it was removed anywhere.
func TestOlderTownKeepsItsDocuments(t *testing.T) {
	t.Parallel()
	a, b, url := pair(t)
	restore := a.backup("")
	moveOn(a, b, url)
	want, rows := a.files(), b.rows()
	restore()
	a.sync(url)
	for path, text := range want {
		a.want(path, text)
	}
	settle(t, url, a, b)
	for table, list := range rows {
		for _, row := range list {
			if !slices.Contains(b.rows()[table], row) {
				t.Errorf("%s lost %q", table, row)
			}
		}
	}
}
