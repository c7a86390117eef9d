package exchange

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/planes/doltdb/doltdbtest"
	"gastown/sync/share"
	"gastown/sync/sign"
	"gastown/town"
)

const uuid = "exchange-1"

func options(t testing.TB) doltdb.Options {
	return doltdb.Options{
		Dir:   filepath.Join(t.TempDir(), "exchange"),
		Actor: town.Actor{Name: "Ada", Email: "ada@example.com"}, Wait: 2 * time.Minute,
	}
}

func closing(t testing.TB, s *Store) *Store {
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newStore(t testing.TB, id town.ID) *Store {
	t.Helper()
	s, err := Create(t.Context(), options(t), uuid, id)
	if err != nil {
		t.Fatal(err)
	}
	return closing(t, s.signing(t))
}

// everyKey has the keys of the Towns in tests, and everyRing what others know of them.
var (
	everyKey  = map[town.ID]*sign.Keys{}
	everyRing = sign.Ring{}
)

func keysOf(t testing.TB, id town.ID) *sign.Keys {
	t.Helper()
	if everyKey[id] == nil {
		k, err := sign.NewKeys(id)
		if err != nil {
			t.Fatal(err)
		}
		everyKey[id], everyRing[id] = k, []sign.Public{k.Public()}
	}
	return everyKey[id]
}

// signing gives a store the keys of its Town, and those of all others.
func (s *Store) signing(t testing.TB) *Store {
	s.Keys, s.Ring = keysOf(t, s.Town), everyRing
	return s
}

func (s *Store) clone(t testing.TB, id town.ID) *Store {
	t.Helper()
	mirror := t.TempDir()
	if err := s.Push(t.Context(), "origin", mirror); err != nil {
		t.Fatal(err)
	}
	c, err := Clone(t.Context(), options(t), "origin", mirror, uuid, id, s.Ring)
	if err != nil {
		t.Fatal(err)
	}
	return closing(t, c.signing(t))
}

func record(id, title string, more ...string) share.Record {
	r := share.Record{ID: id, Values: map[string]string{"title": title, "status": "open", "priority": "2"}}
	for i := 0; i+1 < len(more); i += 2 {
		r.Values[more[i]] = more[i+1]
	}
	return r
}

func (s *Store) publish(t testing.TB, put []share.Record, remove ...string) string {
	t.Helper()
	commit, err := s.Publish(t.Context(), "town-"+string(s.Town), put, remove)
	if err != nil {
		t.Fatal(err)
	}
	return commit
}

// exec runs SQL on the store, as a hostile or careless program does.
func (s *Store) exec(t testing.TB, queries ...string) {
	t.Helper()
	_, err := s.db.Update(t.Context(), "by hand", func(tx *doltdb.Tx) error {
		for _, q := range queries {
			if _, err := tx.Exec(t.Context(), q); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// take merges what is in the mirror into s, as a pull does.
func (s *Store) take(t testing.TB, mirror string) (Arrival, error) {
	t.Helper()
	theirs, err := s.Fetch(t.Context(), "origin", mirror)
	if err != nil {
		return Arrival{}, err
	}
	var base, ours string
	err = s.db.View(t.Context(), func(tx *doltdb.Tx) error {
		if ours, err = tx.Head(t.Context()); err != nil {
			return err
		}
		base, err = tx.MergeBase(t.Context(), ours, theirs)
		return err
	})
	if err != nil || base == theirs {
		return Arrival{}, err
	}
	a, err := s.CheckIncoming(t.Context(), "origin", uuid, base, theirs)
	if err != nil {
		return a, err
	}
	_, err = s.Merge(t.Context(), base, ours, theirs, "merge", a)
	return a, err
}

func (s *Store) titles(t testing.TB, name string) []string {
	t.Helper()
	list := []string{}
	err := Shelf{s}.List(t.Context(), name, Filter{}, func(r Record) error {
		list = append(list, r.Bead.ID+" "+r.Bead.Title)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// rowsOf lists every row of records, with its owner.
func (s *Store) rowsOf(t testing.TB) (all []string, err error) {
	err = s.db.View(t.Context(), func(tx *doltdb.Tx) error {
		return tx.Each(t.Context(), func(rows *doltdb.Rows) error {
			r, err := scanRow(rows)
			all = append(all, fmt.Sprint(r.town, " ", r.ID, " ", r.Values, " ", r.stored, " ", r.seal))
			return err
		}, "SELECT "+columns("")+" FROM beads ORDER BY town, id")
	})
	return all, err
}

// The definitions required of a store that arrives are those that our
// migrations make.
func TestDefinitionsAreThoseOfTheMigrations(t *testing.T) {
	doltdbtest.SameDefinitions(t, newStore(t, "a").db.View, shape)
}

func TestPublishWritesOnlyDifferences(t *testing.T) {
	s := newStore(t, "a")
	all := []share.Record{record("gt-1", "one"), record("gt-2", "two", "labels", `["a","b"]`, "updated_at", "2026-03-04T05:06:07.000008Z")}
	if s.publish(t, all) == "" {
		t.Fatal("nothing was written")
	}
	if commit := s.publish(t, all); commit != "" {
		t.Fatal("the same was written again")
	}
	digests, err := s.Own(t.Context(), "")
	if err != nil || len(digests) != 2 || digests["gt-2"] != all[1].Digest("a") {
		t.Fatalf("%v %v", digests, err)
	}
	got, err := Shelf{s}.Get(t.Context(), "town-a", "gt-2")
	if err != nil || got.Bead.Title != "two" || !slices.Equal(got.Bead.Labels, []string{"a", "b"}) || got.Bead.UpdatedAt.Nanosecond() != 8000 {
		t.Fatalf("%+v %v", got, err)
	}
	if !slices.Equal(got.Fields, []string{"id", "title", "status", "priority", "updated_at", "labels"}) {
		t.Fatalf("%v", got.Fields)
	}
	s.publish(t, nil, "gt-1", "gt-2")
	if towns, err := s.members(t.Context()); err != nil || len(towns) != 0 {
		t.Fatalf("a Town that shares nothing is still known: %v %v", towns, err)
	}
	if _, err := s.Publish(t.Context(), "a", []share.Record{record("gt-3", "bad \x1b[0m")}, nil); !errors.Is(err, share.ErrValue) {
		t.Fatal(err)
	}
}

func TestReading(t *testing.T) {
	s := newStore(t, "a")
	shelf := Shelf{s}
	s.publish(t, []share.Record{
		record("gt-1", "one", "labels", `["x","y"]`), record("gt-2", "TWO", "status", "closed", "priority", "0"),
		{ID: "gt-3", Values: map[string]string{}},
	})
	for _, c := range []struct {
		f    Filter
		want string
	}{
		{Filter{}, "gt-2 gt-1 gt-3"}, {Filter{Limit: 1}, "gt-2"}, {Filter{Statuses: []town.Status{"open"}}, "gt-1"},
		{Filter{Labels: []string{"x"}}, "gt-1"}, {Filter{Text: "two"}, "gt-2"}, {Filter{Priorities: []int{0}}, "gt-2"},
		{Filter{Not: []town.Status{"closed"}}, "gt-1 gt-3"}, {Filter{Assignees: []string{"ada"}}, ""},
	} {
		var ids []string
		err := shelf.List(t.Context(), "town-a", c.f, func(r Record) error { ids = append(ids, r.Bead.ID); return nil })
		if err != nil || strings.Join(ids, " ") != c.want {
			t.Errorf("%+v: %v %v", c.f, ids, err)
		}
	}
	if err := shelf.List(t.Context(), "town-b", Filter{}, nil); !errors.Is(err, ErrTown) || !strings.Contains(town.Next(err), "town-a") {
		t.Error(err, town.Next(err))
	}
	if _, err := shelf.Get(t.Context(), "a", "gt-9"); !errors.Is(err, doltdb.ErrNoRows) {
		t.Error(err)
	}
	s.exec(t, "INSERT INTO towns (id, name) VALUES ('b', 'town-a')", "INSERT INTO beads (town, id, digest) VALUES ('b', 'gt-1', 'x')")
	if err := shelf.List(t.Context(), "town-a", Filter{}, nil); !errors.Is(err, ErrTown) || !strings.Contains(town.Next(err), "a, b") {
		t.Error(err)
	}
	if name, id, ok := ParseRef("alpha/gt-1.2"); !ok || name != "alpha" || id != "gt-1.2" {
		t.Error(name, id, ok)
	}
	if _, _, ok := ParseRef("alpha/a/b"); ok {
		t.Error("a path is no reference")
	}
}

// Changes of others to our rows are undone, even where we changed the same
// rows. Rows of other Towns are accepted as they come.
func TestRowsBelongToTheirTown(t *testing.T) {
	for _, diverged := range []bool{false, true} {
		t.Run(fmt.Sprint("diverged ", diverged), func(t *testing.T) {
			a := newStore(t, "a")
			a.publish(t, []share.Record{record("gt-1", "one"), record("gt-2", "two"), record("gt-3", "three")})
			b := a.clone(t, "b")
			if _, err := b.Publish(t.Context(), "town-b", []share.Record{record("b-1", "of b")}, nil); err != nil {
				t.Fatal(err)
			}
			lie, fake := record("gt-1", "a lie"), record("gt-9", "a fake")
			b.exec(t, fmt.Sprintf("UPDATE beads SET title = 'a lie', digest = '%s' WHERE town = 'a' AND id = 'gt-1'", lie.Digest("a")),
				"DELETE FROM beads WHERE town = 'a' AND id = 'gt-2'",
				fmt.Sprintf("INSERT INTO beads (town, id, digest, title, status, priority) VALUES ('a', 'gt-9', '%s', 'a fake', 'open', '2')", fake.Digest("a")),
				"UPDATE towns SET name = 'other' WHERE id = 'a'")
			want := []string{"gt-1 one", "gt-2 two", "gt-3 three"}
			if diverged {
				a.publish(t, []share.Record{record("gt-1", "one more"), record("gt-2", "two more")}, "gt-3")
				want = []string{"gt-1 one more", "gt-2 two more"}
			}
			mirror := t.TempDir()
			if err := b.Push(t.Context(), "origin", mirror); err != nil {
				t.Fatal(err)
			}
			arrival, err := a.take(t, mirror)
			if err != nil {
				t.Fatal(err)
			}
			if arrival.OursTotal != 3 || !slices.Equal(arrival.Ours, []string{"gt-1", "gt-2", "gt-9"}) || len(arrival.Mine) != 0 || arrival.Records != 1 {
				t.Errorf("%+v", arrival)
			}
			if got := a.titles(t, "town-a"); !slices.Equal(got, want) {
				t.Errorf("ours: %v, want %v", got, want)
			}
			if got := a.titles(t, "town-b"); !slices.Equal(got, []string{"b-1 of b"}) {
				t.Errorf("theirs: %v", got)
			}
			// What was put back reaches b, which takes it as it comes.
			if err := a.Push(t.Context(), "origin", mirror); err != nil {
				t.Fatal(err)
			}
			if _, err := b.take(t, mirror); err != nil {
				t.Fatal(err)
			}
			if got := b.titles(t, "town-a"); !slices.Equal(got, want) {
				t.Errorf("at b: %v, want %v", got, want)
			}
		})
	}
}

// The name of a Town that is older than what it published is put back like its records,
// although some of those were its own: the name that another Town wrote does not stand.
func TestTheNameBelongsToItsTown(t *testing.T) {
	for what, c := range map[string]struct {
		first  []share.Record // what the older state knows
		others string
		want   []Member
	}{
		"renamed":                    {[]share.Record{record("gt-1", "one")}, "UPDATE towns SET name = 'other' WHERE id = 'a'", []Member{{ID: "a", Name: "town-a"}}},
		"removed":                    {[]share.Record{record("gt-1", "one")}, "DELETE FROM towns WHERE id = 'a'", []Member{{ID: "a", Name: "town-a"}}},
		"untouched":                  {[]share.Record{record("gt-1", "one")}, "", []Member{{ID: "a", Name: "town-a"}}},
		"from before it had records": {nil, "", []Member{{ID: "a", Name: "town-a"}}},
		"removed, from before":       {nil, "DELETE FROM towns WHERE id = 'a'", nil},
	} {
		for _, diverged := range []bool{false, true} {
			t.Run(fmt.Sprint(what, " diverged ", diverged), func(t *testing.T) {
				a := newStore(t, "a")
				if len(c.first) > 0 {
					a.publish(t, c.first)
				}
				older := a.clone(t, "a")
				a.publish(t, []share.Record{record("gt-2", "two")})
				b := a.clone(t, "b")
				if c.others != "" {
					b.exec(t, c.others)
				}
				mirror := t.TempDir()
				if err := b.Push(t.Context(), "origin", mirror); err != nil {
					t.Fatal(err)
				}
				want := append(slices.Clone(c.first), record("gt-2", "two"))
				if diverged {
					older.publish(t, []share.Record{record("gt-3", "three")})
					want = append(want, record("gt-3", "three"))
				}
				arrival, err := older.take(t, mirror)
				if err != nil || !slices.Equal(arrival.Mine, []string{"gt-2"}) || arrival.OursTotal != 0 {
					t.Fatalf("%+v, %v", arrival, err)
				}
				all, err := older.members(t.Context())
				members := c.want
				if diverged {
					members = []Member{{ID: "a", Name: "town-a"}} // it published under its name itself
				}
				if err != nil || !slices.Equal(all, members) {
					t.Errorf("Towns: %v, %v, want %v", all, err, members)
				}
				own, err := older.Own(t.Context(), "")
				if err != nil || len(own) != len(want) {
					t.Errorf("records: %v, %v", own, err)
				}
				// The next publication names the Town, where nothing else did.
				named, err := older.Settled(t.Context(), "town-a")
				if err != nil || named != (len(members) == 1) {
					t.Errorf("named: %v, %v", named, err)
				}
				older.publish(t, nil)
				if named, err := older.Settled(t.Context(), "town-a"); err != nil || !named {
					t.Errorf("named after a publication: %v, %v", named, err)
				}
			})
		}
	}
}

// Two Towns hold different forged rows of a third. In the end the third's own rows
// are in force, and no conflict stops a Town meanwhile.
func TestLiesAboutAThird(t *testing.T) {
	a := newStore(t, "a")
	a.publish(t, []share.Record{record("gt-1", "one"), record("gt-2", "two")})
	b, c := a.clone(t, "b"), a.clone(t, "c")
	b.exec(t, fmt.Sprintf("UPDATE beads SET title = 'x', digest = '%s' WHERE id = 'gt-1'", record("gt-1", "x").Digest("a")), "DELETE FROM beads WHERE id = 'gt-2'")
	c.exec(t, fmt.Sprintf("UPDATE beads SET title = 'y', digest = '%s' WHERE id = 'gt-1'", record("gt-1", "y").Digest("a")),
		fmt.Sprintf("UPDATE beads SET title = 'y', digest = '%s' WHERE id = 'gt-2'", record("gt-2", "y").Digest("a")))
	mirror := t.TempDir()
	if err := b.Push(t.Context(), "origin", mirror); err != nil {
		t.Fatal(err)
	}
	if _, err := c.take(t, mirror); err != nil {
		t.Fatal(err)
	}
	// Neither lie is signed, so neither stays where they meet.
	if own, err := c.rowsOf(t); err != nil || len(own) != 0 {
		t.Errorf("c holds %v, %v", own, err)
	}
	if err := c.Push(t.Context(), "origin", mirror); err != nil {
		t.Fatal(err)
	}
	if _, err := a.take(t, mirror); err != nil {
		t.Fatal(err)
	}
	if err := a.Push(t.Context(), "origin", mirror); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Store{b, c} {
		if _, err := s.take(t, mirror); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []*Store{a, b, c} {
		if got := s.titles(t, "town-a"); !slices.Equal(got, []string{"gt-1 one", "gt-2 two"}) {
			t.Errorf("%s: %v", s.Town, got)
		}
	}
}

func TestHostileRowsAreRefused(t *testing.T) {
	good := record("gt-1", "one")
	insert := func(owner, id string, digest town.Digest, title string) string {
		return fmt.Sprintf("INSERT INTO beads (town, id, digest, title, status, priority) VALUES ('%s', '%s', '%s', '%s', 'open', '2')", owner, id, digest, title)
	}
	with := func(owner, id, title string) string {
		return insert(owner, id, record(id, title).Digest(town.ID(owner)), title)
	}
	for name, c := range map[string]struct{ query, want string }{
		"digest":          {insert("b", "gt-1", good.Digest("a"), "one"), "digest"},
		"no digest":       {insert("b", "gt-1", "", "one"), "digest"},
		"control":         {with("b", "gt-1", "a\x1b[31m"), "control"},
		"direction":       {with("b", "gt-1", "a\u202eb"), "control"},
		"id is a path":    {with("b", "../../etc", "one"), "id"},
		"id with escape":  {with("b", "gt-\x07", "one"), "id"},
		"owner":           {with("b c", "gt-1", "one"), "owner"},
		"owner with bell": {with("b\x07", "gt-1", "one"), "owner"},
		"long":            {"INSERT INTO beads (town, id, digest, description) VALUES ('b', 'gt-1', '', REPEAT('x', 1048577))", "too long"},
		"status":          {"INSERT INTO beads (town, id, digest, status) VALUES ('b', 'gt-1', '', 'Not A Word')", "word"},
		"town name":       {"INSERT INTO towns (id, name) VALUES ('b', 'Two Words')", "name"},
		"town id":         {"INSERT INTO towns (id, name) VALUES ('b\x07', 'fine')", "not a Town"},
		"another table":   {"CREATE TABLE more (a INT PRIMARY KEY)", "has a table"},
		"another column":  {"ALTER TABLE beads ADD COLUMN more INT", "definition"},
		"no table":        {"DROP TABLE towns", "removed"},
		"view":            {"CREATE VIEW v AS SELECT 1", "has a table"},
		"trigger":         {"CREATE TRIGGER tr BEFORE INSERT ON beads FOR EACH ROW SET NEW.title = 'x'", "has a table"},
		"meta":            {"INSERT INTO meta VALUES ('a', 'b')", "2 rows"},
		"uuid":            {"UPDATE meta SET v = 'other'", "another store"},
		"migration":       {"INSERT INTO schema_migrations VALUES (3, 'x', 'y')", "schema"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newStore(t, "a")
			a.publish(t, []share.Record{good})
			b := a.clone(t, "b")
			b.exec(t, c.query)
			mirror := t.TempDir()
			if err := b.Push(t.Context(), "origin", mirror); err != nil {
				t.Fatal(err)
			}
			before, err := a.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, err = a.take(t, mirror)
			if !errors.Is(err, town.ErrRefused) && !errors.Is(err, doltdb.ErrNewerSchema) {
				t.Errorf("taken over: %v", err)
			} else if !strings.Contains(err.Error(), c.want) {
				t.Errorf("refused for another reason than %q: %v", c.want, err)
			} else if town.Next(err) == "" || strings.ContainsAny(err.Error(), "\x1b\x07") {
				t.Errorf("%q, next %q", err, town.Next(err))
			}
			if after, err := a.Head(t.Context()); err != nil || after != before {
				t.Errorf("something was changed: %v", err)
			}
			dir := filepath.Join(t.TempDir(), "exchange")
			if _, err := Clone(t.Context(), doltdb.Options{Dir: dir, Actor: town.Actor{Name: "x"}}, "origin", mirror, uuid, "c", everyRing); err == nil {
				t.Error("a copy of it was taken")
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestStoreOfAnotherFederation(t *testing.T) {
	if one, other := UUID("a"), UUID("b"); one == other || len(one) != 32 {
		t.Fatal(one, other)
	}
	a := newStore(t, "a")
	mirror := t.TempDir()
	if err := a.Push(t.Context(), "origin", mirror); err != nil {
		t.Fatal(err)
	}
	if _, err := Clone(t.Context(), options(t), "origin", mirror, "exchange-2", "b", everyRing); !errors.Is(err, doltdb.ErrOtherStore) {
		t.Fatal(err)
	}
}
