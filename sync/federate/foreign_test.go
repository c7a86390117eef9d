package federate

import (
	"errors"
	"strings"
	"testing"

	"gastown/planes/doltdb"
	"gastown/planes/federation"
	"gastown/sync/gitremote"
	"gastown/town"
)

// sql writes rows as a program does that knows the tables and not their rules.
func (tt *testTown) sql(statements ...string) {
	tt.t.Helper()
	bySQL(tt.t, tt.database(), statements...)
}

// bySQL runs statements in a database and makes one commit of them.
func bySQL(t testing.TB, opts doltdb.Options, statements ...string) {
	t.Helper()
	db, err := doltdb.OpenShared(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Update(t.Context(), "by hand", func(tx *doltdb.Tx) error { return execute(t, tx, statements) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatalf("%s: %v", opts.Dir, err)
	}
}

func execute(t testing.TB, tx *doltdb.Tx, statements []string) error {
	for _, q := range statements {
		if _, err := tx.Exec(t.Context(), q); err != nil {
			return err
		}
	}
	return nil
}

// publishUnchecked publishes the plane's tip as a program does that has no rules.
func (tt *testTown) publishUnchecked(url string) {
	tt.t.Helper()
	ctx := tt.t.Context()
	s, err := tt.begin(ctx, Remote{Name: "origin", URL: url})
	if err != nil {
		tt.t.Fatal(err)
	}
	err = s.with(ctx, func(w *workspace) error { return w.store.Push(ctx, "origin", s.mirror.Dir()) })
	if err == nil {
		_, err = s.mirror.Publish(ctx, gitremote.PublishOptions{AuthorName: "stock", AuthorEmail: "stock@example.com", Message: "by hand"})
	}
	if err := s.end(err, &s.state.Pull); err != nil {
		tt.t.Fatal(err)
	}
}

// Rows written by SQL arrive like others and get their digests, and the texts they
// replaced or removed can be restored.
func TestRowsOfAnotherProgramAreMended(t *testing.T) {
	t.Parallel()
	a, b, url := pair(t)
	a.write("templates/bug.md", "second\n")
	a.write("roles/extra.md", role("extra", "to be removed"))
	a.push(url)
	b.pull(url)
	for _, statement := range []string{
		`UPDATE roles SET text = '---\ndescription: x\n---\nby sql\n' WHERE name = 'mayor'`,
		`DELETE FROM roles WHERE name = 'extra'`,
		`UPDATE templates SET text = 'rewritten\n' WHERE name = 'bug.md' AND version = 1`,
		`INSERT INTO templates VALUES ('note.txt', 1, 'hello\n', 0, '', 1, 'me', 'Ada <ada@example.com>')`,
	} {
		// One at a time: each alone must be noticed.
		b.sql(statement)
		b.push(url)
		a.pull(url)
	}
	a.want("roles/mayor.md", "---\ndescription: x\n---\nby sql\n")
	a.want("roles/extra.md", "")
	a.want("templates/bug.md", "second\n")
	a.want("templates/note.txt", "hello\n")
	settle(t, url, a, b)
	rows := a.rows()
	for what, text := range map[string]string{
		"the role that was replaced": "role|mayor|" + string(town.ContentDigest(role("mayor", "starter"))),
		"the role that was removed":  "role|extra|" + string(town.ContentDigest(role("extra", "to be removed"))),
		"the issue that was changed": "template|bug.md|" + string(town.ContentDigest("starter\n")),
	} {
		if !contains(rows["archive"], text) {
			t.Errorf("%s is not archived: %v", what, rows["archive"])
		}
	}
	err := a.Read(t.Context(), func(s *federation.Store) error {
		// Nothing is left to mend: every digest matches its row.
		commit, err := s.Mend(t.Context(), "", "HEAD")
		if commit != "" {
			t.Errorf("mended once more in %s", commit)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Somebody who can push cannot remove what is archived or proposed, or a decision: that
// is put back.
func TestRemovalOfKeptRowsIsRefused(t *testing.T) {
	t.Parallel()
	a, b, url := pair(t)
	a.write("roles/mayor.md", role("mayor", "alpha"))
	a.push(url)
	b.write("roles/mayor.md", role("mayor", "beta"))
	b.push(url)
	a.pull(url)
	if _, err := a.Resolve(t.Context(), Decision{Review: "mayor", Outcome: federation.OutcomeTheirs}); err != nil {
		t.Fatal(err)
	}
	a.push(url)
	before, files := a.rows(), a.files()
	for _, table := range []string{"archive", "proposals", "resolutions"} {
		url := bare(t)
		c := newTown(t, tempDir(t), "gamma")
		if _, err := a.Init(t.Context(), Remote{Name: table, URL: url}, yes); err != nil {
			t.Fatal(err)
		}
		c.join(url)
		c.sql("DELETE FROM " + table)
		c.publishUnchecked(url)
		_, err := a.Pull(t.Context(), Remote{Name: table, URL: url}, false)
		if refused := errors.Is(err, town.ErrRefused) && strings.Contains(err.Error(), table); refused != (table != "resolutions") {
			t.Errorf("pull of a %s without its rows: %v", table, err)
		}
		if rows := a.rows(); len(rows[table]) != len(before[table]) {
			t.Errorf("%s lost rows: %v", table, rows[table])
		}
	}
	if got := a.files(); len(got) != len(files) {
		t.Errorf("files changed: %v", got)
	}
}

// Two rows of one archived text that differ in the version do not stop a merge.
func TestArchivedVersionsThatDiffer(t *testing.T) {
	t.Parallel()
	a, b, url := pair(t)
	row := func(version string) string {
		return `INSERT INTO archive VALUES ('formula', 'build', '` + string(town.ContentDigest("old\n")) + `', '` + version + `', 'old\n')`
	}
	a.sql(row(""))
	b.sql(row("1.0.0"))
	settle(t, url, a, b)
	if !contains(a.rows()["archive"], "1.0.0|old\n") {
		t.Errorf("archive: %v", a.rows()["archive"])
	}
}
