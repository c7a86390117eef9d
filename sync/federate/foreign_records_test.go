package federate

import (
	"errors"
	"strings"
	"testing"

	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// plain writes into a database as a session of SQL does that makes no Dolt commit.
func plain(t *testing.T, opts doltdb.Options, statements ...string) {
	t.Helper()
	db, err := doltdb.OpenShared(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Write(t.Context(), func(tx *doltdb.Tx) error { return execute(t, tx, statements) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// A bead that SQL changed without a commit is shared as it is, and the commit of
// whoever writes next does not contain the change.
func TestUncommittedBeadsAreShared(t *testing.T) {
	t.Parallel()
	a, b, url := titlesShared(t)
	a.work(func(l *ledger.Store) error { return nil })
	opts := doltdb.Options{Dir: a.opts.Layout.Data(layout.Ledger), Home: a.opts.Layout.Engine(), Actor: a.opts.Actor}
	plain(t, opts, "UPDATE issues SET title = 'by hand' WHERE id = 'gt-1'")
	a.push(url)
	b.pull(url)
	if got := b.seen("alpha"); len(got) != 1 || !strings.Contains(got[0], "by hand") {
		t.Errorf("beta sees %q", got)
	}
	a.work(func(l *ledger.Store) error {
		versions, err := l.Versions(t.Context(), "gt-1", 0)
		if len(versions) != 2 || versions[0].Committer != doltdb.Uncommitted.Name || versions[0].Title != "by hand" || versions[1].Committer != "alpha" {
			t.Errorf("versions %+v", versions)
		}
		return err
	})
}

// Rows that another program wrote into the exchange itself do not leave, and are not
// lost either.
func TestUncommittedRowsOfAnExchangeStay(t *testing.T) {
	t.Parallel()
	a, b, url := titlesShared(t)
	b.pull(url)
	opts := doltdb.Options{Dir: a.opts.Layout.Exchange("origin"), Home: a.opts.Layout.Engine(), Actor: a.opts.Actor}
	plain(t, opts, "UPDATE beads SET title = 'unapproved'", "CREATE TABLE extra (a INT PRIMARY KEY)")
	a.beads(town.Bead{ID: "gt-2", Title: "second"})
	out := a.push(url)
	if !contains(out.Recorded.Notes, "branch others-") {
		t.Errorf("notes %q", out.Recorded.Notes)
	}
	b.pull(url)
	if got := strings.Join(b.seen("alpha"), " "); strings.Contains(got, "unapproved") || !strings.Contains(got, "second") {
		t.Errorf("beta sees %q", got)
	}
}
