package federate

import (
	"errors"
	"strings"
	"testing"

	"gastown/planes/doltdb"
	"gastown/planes/federation"
	"gastown/town"
)

// uncommitted writes rows as a session of SQL does that makes no Dolt commit.
func (tt *testTown) uncommitted(statements ...string) {
	tt.t.Helper()
	db, err := doltdb.OpenShared(tt.t.Context(), tt.database())
	if err != nil {
		tt.t.Fatal(err)
	}
	err = db.Write(tt.t.Context(), func(tx *doltdb.Tx) error {
		for _, q := range statements {
			if _, err := tx.Exec(tt.t.Context(), q); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		tt.t.Fatal(err)
	}
}

// writers are the authors of the commits that changed a document, newest first.
func (tt *testTown) writers(path string) (list []string) {
	tt.t.Helper()
	err := tt.Read(tt.t.Context(), func(s *federation.Store) error {
		entries, err := s.LogOf(tt.t.Context(), key(path), 10)
		for _, e := range entries {
			list = append(list, e.Author)
		}
		return err
	})
	if err != nil {
		tt.t.Fatal(err)
	}
	return list
}

// writer is who wrote a text of a document.
func (tt *testTown) writer(path, text string) (w federation.Writer) {
	tt.t.Helper()
	err := tt.Read(tt.t.Context(), func(s *federation.Store) error {
		all, err := s.Writers(tt.t.Context(), key(path))
		w = all[town.ContentDigest(text)]
		return err
	})
	if err != nil {
		tt.t.Fatal(err)
	}
	return w
}

const byHand = "---\ndescription: x\n---\nby hand\n"

// Rows without a commit are committed first, under a name that is nobody's, before
// anything is recorded, merged or sent; the Town's own files show them.
func TestUncommittedRows(t *testing.T) {
	t.Parallel()
	update := "UPDATE roles SET text = '---\\ndescription: x\\n---\\nby hand\\n' WHERE name = 'mayor'"
	for what, then := range map[string]func(a, b *testTown, url string){
		"record": func(a, _ *testTown, _ string) { a.write("roles/other.md", role("other", "x")); a.commit() },
		"push":   func(a, _ *testTown, url string) { a.push(url) },
		"sync":   func(a, _ *testTown, url string) { a.sync(url) },
		"forward": func(a, b *testTown, url string) {
			b.write("templates/bug.md", "beta's\n")
			b.push(url)
			a.pull(url)
		},
		"merge": func(a, b *testTown, url string) {
			a.write("roles/other.md", role("other", "x"))
			a.commit()
			b.write("templates/bug.md", "beta's\n")
			b.push(url)
			a.pull(url)
		},
		"restore": func(a, _ *testTown, _ string) {
			a.write("templates/bug.md", "second\n")
			a.commit()
			if _, err := a.Restore(a.t.Context(), key("templates/bug.md"), "1"); err != nil {
				a.t.Fatal(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			a, b, url := pair(t)
			a.uncommitted(update)
			then(a, b, url)
			a.want("roles/mayor.md", byHand)
			if got := a.writers("roles/mayor.md"); len(got) == 0 || got[0] != doltdb.Uncommitted.Name {
				t.Errorf("writers of the role: %q", got)
			}
			settle(t, url, a, b)
			b.want("roles/mayor.md", byHand)
			if got := b.writers("roles/mayor.md"); len(got) == 0 || got[0] != doltdb.Uncommitted.Name {
				t.Errorf("writers of the role in the other Town: %q", got)
			}
			if got := b.writer("roles/mayor.md", byHand); got != (federation.Writer{Author: doltdb.Uncommitted.String()}) {
				t.Errorf("writer of the text: %+v", got)
			}
			if got := b.writer("roles/mayor.md", role("mayor", "starter")); got != (federation.Writer{Town: a.opts.ID, Author: a.opts.Actor.String()}) {
				t.Errorf("writer of the text before: %+v", got)
			}
			if rows := a.rows(); !contains(rows["archive"], "role|mayor|"+string(town.ContentDigest(role("mayor", "starter")))) {
				t.Errorf("the text that was replaced is not archived: %v", rows["archive"])
			}
		})
	}
}

// Nothing is published that a peer would refuse, whether it was committed or not;
// the message names what it is, and nothing of it has left.
func TestUnfitRowsAreNotPublished(t *testing.T) {
	t.Parallel()
	a, b, url := pair(t)
	for _, c := range []struct{ statement, names string }{
		{"CREATE TABLE notes (a INT PRIMARY KEY)", `"notes"`},
		{"CREATE VIEW v AS SELECT 1", "dolt_schemas"},
		{"CREATE TRIGGER tr BEFORE INSERT ON roles FOR EACH ROW SET NEW.author = 'me'", "dolt_schemas"},
		{"ALTER TABLE roles ADD COLUMN colour INT", `"roles"`},
		{"ALTER TABLE roles DROP COLUMN author", `"roles"`},
		{"INSERT INTO roles VALUES ('Not a name', 'x', '', 1, 'me', 'Ada')", "Not a name"},
		{"INSERT INTO archive VALUES ('role', 'mayor', 'no digest', '', 'x')", "archive"},
		{"DELETE FROM archive", "archive"},
		{"INSERT INTO meta VALUES ('k', 'v')", "meta"},
	} {
		for _, write := range []func(...string){a.uncommitted, a.sql} {
			before := a.tip()
			a.write("roles/mayor.md", role("mayor", c.statement))
			a.commit()
			a.write("roles/mayor.md", role("mayor", "before "+c.statement))
			a.push(url)
			good := a.tip()
			write(c.statement)
			a.write("templates/bug.md", c.statement+"\n")
			_, err := a.Push(t.Context(), Remote{Name: "origin", URL: url}, false)
			if !errors.Is(err, town.ErrRefused) || !strings.Contains(err.Error(), c.names) || !strings.Contains(town.Next(err), "gt federation repair") {
				t.Errorf("%s: %v [next: %s]", c.statement, err, town.Next(err))
			}
			b.pull(url)
			b.want("roles/mayor.md", role("mayor", "before "+c.statement))
			if before == good {
				t.Fatal("nothing was pushed")
			}
			a.rewind(good)
		}
	}
	settle(t, url, a, b)
}

// tip is the plane's last commit.
func (tt *testTown) tip() (head string) {
	tt.t.Helper()
	err := tt.Read(tt.t.Context(), func(s *federation.Store) (err error) {
		head, err = s.Head(tt.t.Context())
		return err
	})
	if err != nil {
		tt.t.Fatal(err)
	}
	return head
}

// rewind takes the plane back to a commit.
func (tt *testTown) rewind(to string) {
	tt.t.Helper()
	db, err := doltdb.OpenShared(tt.t.Context(), tt.database())
	if err == nil {
		_, err = db.CommitOthers(tt.t.Context())
	}
	if err == nil {
		err = db.Rewind(tt.t.Context(), to)
	}
	if err := errors.Join(err, db.Close()); err != nil {
		tt.t.Fatal(err)
	}
}
