package federate

import (
	"strings"
	"testing"

	"gastown/planes/doltdb"
	"gastown/sync/gitremote"
	"gastown/town"
)

// publishRecordsUnchecked publishes the exchange's tip as a program does that has no
// rules.
func (s *sharer) publishRecordsUnchecked(url string, statements ...string) {
	s.t.Helper()
	ctx := s.t.Context()
	ss, err := s.begin(ctx, Remote{Name: "origin", URL: url})
	if err != nil {
		s.t.Fatal(err)
	}
	db, err := doltdb.OpenShared(ctx, doltdb.Options{Dir: s.opts.Layout.Exchange("origin"), Home: s.opts.Layout.Engine(), Actor: s.opts.Actor})
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = db.Update(ctx, "by hand", func(tx *doltdb.Tx) error {
		for _, q := range statements {
			if _, err := tx.Exec(ctx, q); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = db.Push(ctx, "origin", ss.records.Mirror().Dir())
	}
	if err == nil {
		err = db.Close()
	}
	if err == nil {
		_, err = ss.mirror.Publish(ctx, gitremote.PublishOptions{AuthorName: "stock", AuthorEmail: "stock@example.com", Message: "by hand", Beside: true})
	}
	if err := ss.end(err, &ss.state.Push); err != nil {
		s.t.Fatal(err)
	}
}

// Shared records that no Town takes are repaired in the same way, in their content
// and in their Git layer.
func TestRepairOfRecords(t *testing.T) {
	t.Parallel()
	a, b, url := titlesShared(t)
	b.pull(url)
	a.publishRecordsUnchecked(url, "CREATE TABLE extra (a INT PRIMARY KEY)", "UPDATE beads SET digest = 'wrong'")
	if _, err := b.Pull(t.Context(), Remote{Name: "origin", URL: url}, false); err == nil || !strings.Contains(town.Next(err), "gt federation repair origin") {
		t.Fatalf("pull: %v [next: %s]", err, town.Next(err))
	}
	out := b.repaired(url)
	if len(out.Parts) != 1 || out.Parts[0].What != "shared records" || !contains(out.Parts[0].Gone, `"extra"`) || !contains(out.Parts[0].Gone, "gt-1") {
		t.Errorf("repaired: %+v", out)
	}
	check := func(want string) {
		t.Helper()
		for range 2 {
			a.sync(url)
			b.sync(url)
		}
		if got := strings.Join(b.seen("alpha"), " "); !strings.Contains(got, want) {
			t.Errorf("beta sees %q", got)
		}
	}
	check("first")

	const ref = "refs/dolt/ledger"
	tree := mktree(t, url, func(string, string) string { return "" })
	git(t, url, "update-ref", ref, git(t, url, "commit-tree", "-m", "broken", tree, "-p", git(t, url, "rev-parse", ref)))
	if _, err := b.Pull(t.Context(), Remote{Name: "origin", URL: url}, false); err == nil {
		t.Error("a broken ref was pulled")
	}
	if out := b.repaired(url); len(out.Parts) != 1 || len(out.Parts[0].Unread) != 1 {
		t.Errorf("repaired: %+v", out)
	}
	a.beads(town.Bead{ID: "gt-2", Title: "second"})
	check("second")
}
