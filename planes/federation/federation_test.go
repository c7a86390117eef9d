package federation

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/planes/doltdb/doltdbtest"
	"gastown/sync/sign"
	"gastown/town"
)

var (
	mayor = town.Key{Kind: town.KindRole, Name: "mayor"}
	build = town.Key{Kind: town.KindFormula, Name: "build"}
	bug   = town.Key{Kind: town.KindTemplate, Name: "bug.md"}
)

func TestMain(m *testing.M) { os.Exit(doltdbtest.Main(m)) }

func newStore(t testing.TB) *Store {
	t.Helper()
	opts := doltdb.Options{
		Dir:   filepath.Join(t.TempDir(), "federation"),
		Actor: town.Actor{Name: "Ada", Email: "ada@example.com"}, Wait: 2 * time.Minute,
	}
	s, err := Create(t.Context(), opts, "store-1", "town-1")
	if err == nil && doltdbtest.Serve(t, opts.Dir, s.Close) {
		s, err = Open(t.Context(), doltdbtest.Reach(opts), "store-1", "town-1")
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Keys = newKeys(t, s.Town)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newKeys(t testing.TB, id town.ID) *sign.Keys {
	t.Helper()
	keys, err := sign.NewKeys(id)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func (s *Store) must(t testing.TB, edits ...FileEdit) Recorded {
	t.Helper()
	out, err := s.Record(t.Context(), "test", edits)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// edit is an edit of what is in force now.
func (s *Store) editOf(t testing.TB, key town.Key, text, version string) FileEdit {
	t.Helper()
	now := s.now(t, key)
	e := FileEdit{Key: key, Text: text, Version: version, Base: now.Digest}
	if !now.Absent {
		e.BaseContent = town.ContentDigest(now.Text)
	}
	return e
}

func (s *Store) now(t testing.TB, key town.Key) State {
	t.Helper()
	states, err := s.Current(t.Context(), []town.Key{key})
	if err != nil {
		t.Fatal(err)
	}
	return states[key]
}

func TestEveryTextStaysFindable(t *testing.T) {
	s := newStore(t)
	for n := 1; n <= 3; n++ {
		text := fmt.Sprint("text ", n)
		s.must(t, s.editOf(t, mayor, text, ""), s.editOf(t, build, text, fmt.Sprintf("1.%d.0", n)), s.editOf(t, bug, text, ""))
	}
	for _, key := range []town.Key{mayor, build, bug} {
		if got := s.now(t, key).Text; got != "text 3" {
			t.Errorf("%s is %q", key, got)
		}
		past, err := s.History(t.Context(), key)
		if err != nil || len(past) != 3 || !past[0].InForce || past[0].Text != "text 3" {
			t.Errorf("history of %s: %+v, %v", key, past, err)
		}
	}
	for key, version := range map[town.Key]string{build: "1.1.0", bug: "1", mayor: town.ContentDigest("text 1").Short()} {
		p, err := s.Find(t.Context(), key, version)
		if err != nil || p.Text != "text 1" {
			t.Errorf("%s@%s is %q, %v", key, version, p.Text, err)
			continue
		}
		if _, err := s.Restore(t.Context(), p); err != nil {
			t.Errorf("restore %s: %v", key, err)
		}
		if got := s.now(t, key).Text; got != "text 1" {
			t.Errorf("after restore %s is %q", key, got)
		}
		if _, err := s.Restore(t.Context(), p); !errors.Is(err, ErrSame) {
			t.Errorf("a second restore: %v", err)
		}
	}
	if _, err := s.Find(t.Context(), mayor, "9.9"); !errors.Is(err, town.ErrUsage) || town.Next(err) == "" {
		t.Errorf("an unknown version: %v", err)
	}
	if _, err := s.Find(t.Context(), town.Key{Kind: town.KindRole, Name: "nobody"}, ""); !errors.Is(err, town.ErrUsage) {
		t.Errorf("an unknown document: %v", err)
	}
}

func TestRecordingTwiceIsRecordingOnce(t *testing.T) {
	s := newStore(t)
	e := s.editOf(t, mayor, "one", "")
	first := s.must(t, e)
	again := s.must(t, e) // as after a crash that lost the index
	if again.Commit != "" || again.Edits != 0 || again.Rows[mayor] != first.Rows[mayor] {
		t.Errorf("first %+v, again %+v", first, again)
	}
}

func TestEditOfAnOlderRowIsAConflict(t *testing.T) {
	s := newStore(t)
	s.must(t, s.editOf(t, mayor, "base", ""), s.editOf(t, bug, "base", ""), s.editOf(t, build, "base", "1.0.0"))
	stale := []FileEdit{s.editOf(t, mayor, "stale", ""), s.editOf(t, bug, "stale", ""), s.editOf(t, build, "stale", "1.0.1")}
	s.must(t, s.editOf(t, mayor, "newer", ""), s.editOf(t, bug, "newer", ""), s.editOf(t, build, "newer", "1.2.0"))
	out := s.must(t, stale...)
	if len(out.Notes) != 3 {
		t.Errorf("notes: %q", out.Notes)
	}
	for key, want := range map[town.Key]string{mayor: "newer", build: "newer", bug: "stale"} {
		if got := s.now(t, key).Text; got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if len(out.Lost) != 2 {
		t.Errorf("files to be rewritten: %v", out.Lost)
	}
	reviews, err := s.Reviews(t.Context())
	if err != nil || len(reviews) != 1 || reviews[0].Text != "stale" || reviews[0].Base != "base" || reviews[0].Current.Text != "newer" {
		t.Errorf("reviews: %+v, %v", reviews, err)
	}
	if p, err := s.Find(t.Context(), build, "1.0.1"); err != nil || p.Text != "stale" {
		t.Errorf("the formula that lost: %+v, %v", p, err)
	}
}

func TestReviewOutcomes(t *testing.T) {
	for _, c := range []struct {
		outcome Outcome
		merged  string
		want    string
	}{{OutcomeOurs, "", "stale"}, {OutcomeTheirs, "", "newer"}, {OutcomeMerged, "both", "both"}} {
		t.Run(string(c.outcome), func(t *testing.T) {
			s := newStore(t)
			s.must(t, s.editOf(t, mayor, "base", ""))
			stale := s.editOf(t, mayor, "stale", "")
			s.must(t, s.editOf(t, mayor, "newer", ""))
			s.must(t, stale)
			reviews, err := s.Reviews(t.Context())
			if err != nil || len(reviews) != 1 {
				t.Fatalf("%+v, %v", reviews, err)
			}
			for _, what := range []string{"mayor", "role/mayor", string(reviews[0].ID)[:8]} {
				if r, err := Pick(reviews, what); err != nil || r.ID != reviews[0].ID {
					t.Errorf("%q picks %v, %v", what, r.ID, err)
				}
			}
			if _, err := Pick(reviews, "witness"); !errors.Is(err, town.ErrUsage) {
				t.Errorf("no such review: %v", err)
			}
			if _, err := s.Resolve(t.Context(), reviews[0], c.outcome, c.merged, "decide"); err != nil {
				t.Fatal(err)
			}
			if got := s.now(t, mayor).Text; got != c.want {
				t.Errorf("in force is %q, want %q", got, c.want)
			}
			if left, err := s.Reviews(t.Context()); err != nil || len(left) != 0 {
				t.Errorf("still open: %+v, %v", left, err)
			}
			past, err := s.History(t.Context(), mayor)
			if err != nil {
				t.Fatal(err)
			}
			var texts []string
			for _, p := range past {
				texts = append(texts, p.Text)
			}
			for _, text := range []string{"base", "stale", "newer"} {
				if !strings.Contains(strings.Join(texts, "|"), text) {
					t.Errorf("%q is nowhere in %q", text, texts)
				}
			}
		})
	}
}

func TestAmbiguousReviewNamesItsIds(t *testing.T) {
	reviews := []Review{
		{ID: "aaaa1", Proposal: town.Proposal{Key: mayor}}, {ID: "bbbb2", Proposal: town.Proposal{Key: mayor}},
	}
	_, err := Pick(reviews, "mayor")
	if !errors.Is(err, town.ErrUsage) || !strings.Contains(town.Next(err), "aaaa1, bbbb2") {
		t.Errorf("%v, next %q", err, town.Next(err))
	}
}

func TestRowsOfAnotherProgramAreMended(t *testing.T) {
	s := newStore(t)
	s.must(t, s.editOf(t, mayor, "by gt", ""))
	before, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.db.Update(t.Context(), "by hand", func(tx *doltdb.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE roles SET text = 'by hand' WHERE name = 'mayor'")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if commit, err := s.Mend(t.Context(), before, "HEAD"); err != nil || commit == "" {
		t.Fatalf("mend: %q, %v", commit, err)
	}
	err = s.db.View(t.Context(), func(tx *doltdb.Tx) error {
		rows, err := editsByName(t.Context(), tx, town.KindRole, "", []string{"mayor"})
		if err == nil && !rows["mayor"][0].intact() {
			err = errors.New("the digest is still wrong")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := s.Find(t.Context(), mayor, string(town.ContentDigest("by gt"))); err != nil {
		t.Errorf("the text that was replaced: %v", err)
	}
	if commit, err := s.Mend(t.Context(), before, "HEAD"); err != nil || commit != "" {
		t.Errorf("mending what is sound: %q, %v", commit, err)
	}
}

func TestOnlyTheConfiguredStoreOpens(t *testing.T) {
	s := newStore(t)
	dir := s.Dir()
	opts := doltdbtest.Reach(doltdb.Options{Dir: dir, Wait: 2 * time.Minute})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), opts, "store-2", "town-1"); !errors.Is(err, doltdb.ErrOtherStore) || !errors.Is(err, town.ErrRefused) {
		t.Errorf("another store opened: %v", err)
	}
	back, err := Open(t.Context(), opts, "store-1", "town-1")
	if err != nil {
		t.Fatal(err)
	}
	*s = *back
}

func TestChangedTellsWhatFilesShouldBe(t *testing.T) {
	s := newStore(t)
	s.must(t, s.editOf(t, mayor, "one", ""), s.editOf(t, bug, "one", ""), s.editOf(t, build, "one", "1.0.0"))
	from, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	removed := s.editOf(t, build, "", "")
	removed.Removed = true
	gone := s.editOf(t, bug, "", "")
	gone.Removed = true
	s.must(t, s.editOf(t, mayor, "two", ""), removed, gone)
	got := map[town.Key]string{}
	collect := func(st State) error {
		got[st.Key] = st.Text
		if st.Absent {
			got[st.Key] = "absent"
		}
		return nil
	}
	if err := s.Changed(t.Context(), from, "HEAD", collect); err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[mayor] != "two" || got[build] != "absent" || got[bug] != "absent" {
		t.Errorf("changed: %v", got)
	}
	clear(got)
	if err := s.Changed(t.Context(), "", from, collect); err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[build] != "one" || got[bug] != "one" {
		t.Errorf("all: %v", got)
	}
	if keys, err := s.Documents(t.Context()); err != nil || len(keys) != 1 || keys[0] != mayor {
		t.Errorf("documents: %v, %v", keys, err)
	}
	s.must(t, s.editOf(t, bug, "three", ""))
	if keys, err := s.Documents(t.Context()); err != nil || len(keys) != 2 || keys[1] != bug {
		t.Errorf("documents after an edit brought one back: %v, %v", keys, err)
	}
}

func TestIssuesGoOnAfterAGap(t *testing.T) {
	s := newStore(t)
	for _, text := range []string{"one", "two", "three"} {
		s.must(t, s.editOf(t, bug, text, ""))
	}
	_, err := s.db.Update(t.Context(), "by hand", func(tx *doltdb.Tx) error {
		if _, err := tx.Exec(t.Context(), "DELETE FROM templates WHERE version = 1"); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), "UPDATE templates SET version = 7 WHERE version = 3")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.must(t, s.editOf(t, bug, "after the gap", ""))
	if p, err := s.Find(t.Context(), bug, "8"); err != nil || !p.InForce || p.Text != "after the gap" {
		t.Errorf("%+v, %v", p, err)
	}
}
