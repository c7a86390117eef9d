package ledger

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

func tip(t *testing.T, s *Store) string {
	t.Helper()
	commit, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return commit
}

func changes(t *testing.T, s *Store, from string, limit int) Changes {
	t.Helper()
	c, err := s.Changes(t.Context(), from, tip(t, s), limit)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func kinds(trail []town.AuditEntry) string {
	var all []string
	for _, e := range trail {
		all = append(all, e.Kind)
	}
	return strings.Join(all, " ")
}

func TestChangesAreTheTrailOfARange(t *testing.T) {
	s := newLedger(t)
	ctx := t.Context()
	first := tip(t, s)
	a, b := create(t, s, titled("first"))[0], create(t, s, titled("second"))[0]
	labels := []string{"x"}
	_, err := s.Update(ctx, []Patch{{ID: a.ID, Labels: &labels, Title: &labels[0]}})
	between := tip(t, s)
	if err == nil {
		_, err = s.DepAdd(ctx, []town.Dependency{{Bead: a.ID, Target: b.ID, Type: town.DepBlocks}})
	}
	if err == nil {
		_, err = s.Comment(ctx, b.ID, "said")
	}
	if err == nil {
		_, err = closeBeads(ctx, s, []string{b.ID}, "done")
	}
	if err == nil {
		_, err = s.DepRemove(ctx, a.ID, b.ID, town.DepBlocks)
	}
	if err == nil {
		_, err = s.Import(ctx, strings.NewReader(`{"id":"gt-i","title":"brought","created_at":"2031-03-10T12:00:00Z","updated_at":"2031-03-10T12:00:00Z"}`), ImportOptions{})
	}
	if err == nil {
		err = s.Delete(ctx, []string{b.ID}, "gone")
	}
	if err != nil {
		t.Fatal(err)
	}
	c := changes(t, s, first, 100)
	if got := kinds(c.Trail); got != "created created updated labeled linked commented closed updated updated unlinked imported deleted" || c.Lineage != Direct {
		t.Errorf("%q, %v", got, c.Lineage)
	}
	if len(c.Foreign) != 0 || c.Omitted != 0 || c.Trail[0].Bead != a.ID || c.Trail[0].Actor != "Ada" || c.Trail[0].New != "first" {
		t.Errorf("%+v", c)
	}
	if got := kinds(changes(t, s, between, 100).Trail); got != "linked commented closed updated updated unlinked imported deleted" {
		t.Errorf("%q", got)
	}
	if c := changes(t, s, tip(t, s), 100); len(c.Trail)+len(c.Foreign) != 0 {
		t.Errorf("%+v", c)
	}
	c = changes(t, s, first, 3)
	if got := kinds(c.Trail); got != "unlinked imported deleted" || c.Omitted != 9 || c.OmittedUntil.After(c.Trail[0].At) {
		t.Errorf("%q %+v", got, c)
	}
	recent, err := s.Recent(ctx, tip(t, s), time.Now().Add(-time.Hour), 2)
	if err != nil || kinds(recent) != "imported deleted" {
		t.Errorf("%q, %v", kinds(recent), err)
	}
	if old, err := s.Recent(ctx, first, time.Now().Add(-time.Hour), 2); err != nil || len(old) != 0 {
		t.Errorf("%v, %v", old, err)
	}
	if old, err := s.Recent(ctx, tip(t, s), time.Now().Add(time.Hour), 2); err != nil || len(old) != 0 {
		t.Errorf("%v, %v", old, err)
	}
}

// Another program writes no trail; its changes are found by comparison.
func TestChangesOfAnotherProgram(t *testing.T) {
	s := newLedger(t)
	made := create(t, s, titled("one"), titled("two"), titled("three"))
	from := tip(t, s)
	if _, err := closeBeads(t.Context(), s, []string{made[2].ID}, "done"); err != nil {
		t.Fatal(err)
	}
	err := s.write(t.Context(), "by hand", func(q txn) error {
		_, err := q.exec(t.Context(), "UPDATE issues SET title = 'changed' WHERE id IN (?, ?)", made[0].ID, made[2].ID)
		if err == nil {
			_, err = q.exec(t.Context(), "UPDATE issues SET updated_at = '2031-01-01 00:00:00' WHERE id = ?", made[1].ID)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c := changes(t, s, from, 10)
	if len(c.Foreign) != 1 || c.Foreign[0].Bead != made[0].ID || c.Foreign[0].Title != "changed" || c.Foreign[0].Difference != "modified" ||
		c.Foreign[0].Committer != "Ada" || time.Since(c.Foreign[0].At) > time.Hour {
		t.Errorf("%+v", c.Foreign)
	}
}

func TestChangesSinceACommitThatIsGone(t *testing.T) {
	// In this process, whatever the run: a server lets nobody move the branch.
	dir := filepath.Join(t.TempDir(), "data", "ledger")
	s, err := Create(t.Context(), options(dir), uuid)
	if err != nil {
		t.Fatal(err)
	}
	create(t, s, titled("one"))
	early := tip(t, s)
	create(t, s, titled("two"), titled("three"))
	late := tip(t, s)
	c, err := s.Changes(t.Context(), "0123456789abcdefghijklmnopqrstuv", late, 10)
	if err != nil || c.Lineage != Unknown || len(c.Trail) != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	for _, bad := range []string{"", "x'y", "a b"} {
		if _, err := s.Changes(t.Context(), bad, late, 10); err == nil {
			t.Errorf("%q was taken for a commit", bad)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	shared, err := doltdb.OpenShared(t.Context(), options(dir))
	if err == nil {
		err = errors.Join(shared.Rewind(t.Context(), early), shared.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	if s, err = Open(t.Context(), options(dir), uuid); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	four := create(t, s, titled("four"))[0]
	c = changes(t, s, late, 10)
	if c.Lineage != Diverged || c.Vanished != 2 || len(c.Trail) != 1 || c.Trail[0].Bead != four.ID || len(c.Foreign) != 0 {
		t.Errorf("%+v", c)
	}
	if err := s.GC(t.Context()); err != nil {
		t.Fatal(err)
	}
	c = changes(t, s, late, 10)
	if c.Lineage != Unknown {
		t.Errorf("%+v", c)
	}
}
