package federation

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

func testOptions(t testing.TB) doltdb.Options {
	return doltdb.Options{
		Dir:   filepath.Join(t.TempDir(), "federation"),
		Actor: town.Actor{Name: "Ada", Email: "ada@example.com"}, Wait: 2 * time.Minute,
	}
}

// formerStore is a store that a former version of gt made: with the first steps of
// the schema, and entries of Towns without instance.
func formerStore(t testing.TB, steps int, towns ...string) *Store {
	t.Helper()
	opts := testOptions(t)
	db, err := doltdb.CreateStore(t.Context(), opts, "store-1", migrations[:steps])
	if err != nil {
		t.Fatal(err)
	}
	s := wrap(doltdb.Share(db), opts, "store-1", "town-1")
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, name := range towns {
		s.exec(t, fmt.Sprintf("INSERT INTO towns (id, name, revision) VALUES ('id-%[1]s', '%[1]s', 1)", name))
	}
	return s
}

func (s *Store) exec(t testing.TB, query string) {
	t.Helper()
	_, err := s.db.Update(t.Context(), "by hand", func(tx *doltdb.Tx) error {
		_, err := tx.Exec(t.Context(), query)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// vouch signs this Town's entry and all of its rows.
func (s *Store) vouch(t testing.TB) {
	t.Helper()
	_, err := s.db.Update(t.Context(), "sign", func(tx *doltdb.Tx) error {
		var all []town.Digest
		m, err := s.self(t.Context(), tx)
		if err != nil {
			return err
		}
		if m.ID != "" {
			all = append(all, m.statement())
		}
		for _, k := range town.Kinds {
			err := tx.Each(t.Context(), func(r *doltdb.Rows) error {
				e, err := scanEdit(r, k)
				if e.Town == s.Town {
					all = append(all, statement(e.Edit))
				}
				return err
			}, "SELECT "+columns(k)+" FROM "+rowTable(k))
			if err != nil {
				return err
			}
		}
		return s.signAll(t.Context(), tx, all...)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// raw is a copy of a mirror that is not migrated, as a former version of gt has it.
func raw(t testing.TB, mirror string, id town.ID) *Store {
	t.Helper()
	opts := testOptions(t)
	db, err := doltdb.Clone(t.Context(), opts, "origin", mirror)
	if err != nil {
		t.Fatal(err)
	}
	s := wrap(db, opts, "store-1", id)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *Store) publish(t testing.TB, mirror string) {
	t.Helper()
	if err := s.Push(t.Context(), "origin", mirror); err != nil {
		t.Fatal(err)
	}
}

// take checks and merges what a mirror holds, as a pull does.
func (s *Store) take(t testing.TB, mirror string) error {
	t.Helper()
	theirs, err := s.Fetch(t.Context(), "origin", mirror)
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Compare(t.Context(), theirs)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CheckIncoming(t.Context(), "origin", "store-1", c.Base, theirs); err != nil || c.Base == theirs {
		return err
	}
	_, err = s.Merge(t.Context(), c.Base, c.Ours, theirs, "merge")
	return err
}

func (s *Store) migrate(t testing.TB) {
	t.Helper()
	if err := s.db.Migrate(t.Context(), migrations); err != nil {
		t.Fatal(err)
	}
}

// registry is the registry as text: ID NAME REVISION INSTANCE.
func (s *Store) registry(t testing.TB) (lines []string) {
	t.Helper()
	members, err := s.Towns(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		lines = append(lines, fmt.Sprint(m.ID, " ", m.Name, " ", m.Revision, " ", m.Instance))
	}
	return lines
}

func TestRegistryIsWrittenOnce(t *testing.T) {
	s := newStore(t)
	for n, e := range []Entry{{Name: "alpha"}, {Name: "alpha"}, {Name: "omega"}, {Name: "omega", Instance: "i1"}, {Name: "omega", Instance: "i1"}} {
		commit, err := s.Register(t.Context(), e)
		if err != nil || (commit == "") != (n == 1 || n == 4) {
			t.Errorf("register %d: %q, %v", n, commit, err)
		}
	}
	want := Member{ID: "town-1", Name: "omega", Revision: 3, Instance: "i1", Epoch: 1}
	if self, err := s.Self(t.Context()); err != nil || self != want {
		t.Errorf("%+v, %v", self, err)
	}
	if got := s.registry(t); len(got) != 1 {
		t.Errorf("registry: %q", got)
	}
}

// Only an instance that a person had replaced gives way, and it gives way once.
func TestAnEntryOfAnotherInstanceStands(t *testing.T) {
	s := newStore(t)
	if self, err := s.Self(t.Context()); err != nil || self != (Member{}) {
		t.Fatalf("an entry that nobody made: %+v, %v", self, err)
	}
	if _, err := s.Register(t.Context(), Entry{Name: "alpha", Instance: "i1"}); err != nil {
		t.Fatal(err)
	}
	for _, e := range []Entry{{Name: "alpha", Instance: "i2"}, {Name: "alpha", Instance: "i2", Epoch: 1}, {Name: "alpha"}} {
		_, err := s.Register(t.Context(), e)
		var other *InstanceError
		if !errors.As(err, &other) || !errors.Is(err, town.ErrRefused) || other.Member.Instance != "i1" {
			t.Errorf("%+v: %v", e, err)
		}
	}
	if _, err := s.Register(t.Context(), Entry{Name: "alpha", Instance: "i2", Epoch: 2}); err != nil {
		t.Error(err)
	}
	if _, err := s.Register(t.Context(), Entry{Name: "alpha", Instance: "i1"}); !errors.Is(err, town.ErrRefused) {
		t.Errorf("the one that was replaced: %v", err)
	}
	if got := s.registry(t); !slices.Equal(got, []string{"town-1 alpha 2 i2"}) {
		t.Errorf("registry: %q", got)
	}
}

// Two directories that write one Town's entry at once: the rule picks the same whole
// row on both sides.
func TestMergedEntriesAreWhole(t *testing.T) {
	in := func(epoch int, name string, revision int, instance string) string {
		return fmt.Sprintf("REPLACE INTO towns (id, name, revision, instance, epoch) VALUES ('town-1', '%s', %d, '%s', %d)", name, revision, instance, epoch)
	}
	entry := func(name string, revision int, instance string) string { return in(0, name, revision, instance) }
	const gone = "DELETE FROM towns"
	for name, test := range map[string]struct{ ours, theirs, want string }{
		"higher revision":   {entry("a", 3, "i1"), entry("z", 2, "i9"), "town-1 a 3 i1"},
		"greater name":      {entry("a", 2, "i9"), entry("b", 2, "i1"), "town-1 b 2 i1"},
		"greater instance":  {entry("a", 2, "i1"), entry("a", 2, "i2"), "town-1 a 2 i2"},
		"higher epoch":      {in(2, "a", 2, "i1"), in(3, "a", 2, "i2"), "town-1 a 2 i2"},
		"epoch counts more": {in(3, "a", 2, "i1"), in(2, "z", 9, "i2"), "town-1 a 2 i1"},
		"one removed":       {entry("a", 2, "i1"), gone, "town-1 a 2 i1"},
	} {
		t.Run(name, func(t *testing.T) {
			s, mirror, second := newStore(t), t.TempDir(), t.TempDir()
			s.exec(t, entry("base", 1, "i0"))
			s.publish(t, mirror)
			s.publish(t, second)
			there := raw(t, mirror, "town-1")
			there.Keys = s.Keys
			s.exec(t, test.ours)
			s.vouch(t)
			there.exec(t, test.theirs)
			there.vouch(t)
			there.publish(t, mirror)
			s.publish(t, second)
			s.Town, there.Town = "town-2", "town-3" // others than the Town itself, in which what is published stands
			for who, taken := range map[*Store]string{s: mirror, there: second} {
				if err := who.take(t, taken); err != nil {
					t.Error(err)
				} else if got := who.registry(t); !slices.Equal(got, []string{test.want}) {
					t.Errorf("registry %q, want %s", got, test.want)
				}
			}
		})
	}
}

// A Town's own plane of the former version is migrated when it is opened.
func TestFormerStoreOpens(t *testing.T) {
	opts := testOptions(t)
	db, err := doltdb.CreateStore(t.Context(), opts, "store-1", migrations[:1])
	if err != nil {
		t.Fatal(err)
	}
	wrap(doltdb.Share(db), opts, "store-1", "id-alpha").exec(t, "INSERT INTO towns VALUES ('id-alpha', 'alpha', 1), ('id-beta', 'beta', 1)")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), opts, "store-1", "id-alpha")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.registry(t); !slices.Equal(got, []string{"id-alpha alpha 1 ", "id-beta beta 1 "}) {
		t.Errorf("registry: %q", got)
	}
	if _, err := s.Register(t.Context(), Entry{Name: "alpha", Instance: "i1"}); err != nil {
		t.Errorf("claim the entry: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A remote that lacks the newest step is merged; edits of both sides, entries of
// Towns among them, are in the result, which has all steps.
func TestARemoteOfTheFormerVersionIsMerged(t *testing.T) {
	former, mirror := formerStore(t, 1, "alpha", "beta"), t.TempDir()
	former.exec(t, "INSERT INTO roles VALUES ('mayor', 'base', '', 1, 'id-beta', 'B <b@c>')")
	former.publish(t, mirror)
	ours := raw(t, mirror, "id-alpha")
	ours.migrate(t)
	ours.Keys, ours.Unsigned = newKeys(t, "id-alpha"), UnsignedReviewed
	if _, err := ours.Register(t.Context(), Entry{Name: "alpha", Instance: "i1"}); err != nil {
		t.Fatal(err)
	}
	ours.must(t, ours.editOf(t, build, "ours", "1.0.0"))
	former.exec(t, "UPDATE roles SET text = 'theirs', revision = 2 WHERE name = 'mayor'")
	former.exec(t, "REPLACE INTO towns VALUES ('id-gamma', 'gamma', 1), ('id-beta', 'better', 2)")
	former.publish(t, mirror)
	if err := ours.take(t, mirror); err != nil {
		t.Fatal(err)
	}
	// A former version signs nothing: its documents wait, and its entries are not taken.
	if got := ours.registry(t); !slices.Equal(got, []string{"id-alpha alpha 2 i1", "id-beta beta 1 "}) {
		t.Errorf("registry: %q", got)
	}
	if a, b := ours.now(t, mayor).Text, ours.now(t, build).Text; a != "base" || b != "ours" {
		t.Errorf("documents %q, %q", a, b)
	}
	if reviews, err := ours.Reviews(t.Context()); err != nil || len(reviews) != 1 || reviews[0].Text != "theirs" || reviews[0].Signed {
		t.Errorf("reviews: %+v, %v", reviews, err)
	}

	// The former version wrote the very row that names our instance.
	former.exec(t, "REPLACE INTO towns VALUES ('id-alpha', 'alpha-x', 5)")
	former.publish(t, mirror)
	if err := ours.take(t, mirror); err != nil {
		t.Fatal(err)
	}
	if got := ours.registry(t); got[0] != "id-alpha alpha 2 i1" {
		t.Errorf("registry: %q", got)
	}

	// The next publication upgrades the remote. A former version then stops.
	ours.publish(t, mirror)
	theirs, err := former.Fetch(t.Context(), "origin", mirror)
	if err != nil {
		t.Fatal(err)
	}
	s := shape
	s.Steps, s.Tables = shape.Steps[:1], shape.Tables[:1]
	err = former.db.View(t.Context(), func(tx *doltdb.Tx) error {
		_, err := tx.CheckShape(t.Context(), "origin", "store-1", "", theirs, s)
		return err
	})
	if !errors.Is(err, doltdb.ErrNewerSchema) || town.Next(err) == "" {
		t.Errorf("a former version takes the upgraded remote: %v", err)
	}
}

// Towns that took the step apart agree.
func TestTownsThatMigrateApartMerge(t *testing.T) {
	former, mirror := formerStore(t, 1, "alpha", "beta"), t.TempDir()
	former.publish(t, mirror)
	a, b := raw(t, mirror, "id-alpha"), raw(t, mirror, "id-beta")
	for instance, s := range map[string]*Store{"i1": a, "i2": b} {
		s.migrate(t)
		s.Keys = newKeys(t, s.Town)
		if _, err := s.Register(t.Context(), Entry{Name: instance, Instance: instance}); err != nil {
			t.Fatal(err)
		}
	}
	a.publish(t, mirror)
	if err := b.take(t, mirror); err != nil {
		t.Fatal(err)
	}
	b.publish(t, mirror)
	if err := a.take(t, mirror); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Store{a, b} {
		if got := s.registry(t); !slices.Equal(got, []string{"id-alpha i1 2 i1", "id-beta i2 2 i2"}) {
			t.Errorf("registry: %q", got)
		}
	}
}

// A join of a remote of the former version brings a store of the newest schema.
func TestACloneIsMigrated(t *testing.T) {
	former, mirror := formerStore(t, 1, "alpha"), t.TempDir()
	former.publish(t, mirror)
	head, err := former.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, from, err := Clone(t.Context(), testOptions(t), "origin", mirror, "town-9")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if from != (Origin{UUID: "store-1", Commit: head}) {
		t.Errorf("cloned %+v, want the remote's commit %s", from, head)
	}
	if got := s.registry(t); !slices.Equal(got, []string{"id-alpha alpha 1 "}) {
		t.Errorf("registry: %q", got)
	}
}

// What no gt writes is refused, at each version of the schema.
func TestIncomingSchemasThatAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		steps int
		query string
		want  string
	}{
		"the column without the step": {1, "ALTER TABLE towns ADD COLUMN instance VARCHAR(64) NOT NULL DEFAULT ''", "definition"},
		"the step without the column": {2, "ALTER TABLE towns DROP COLUMN instance", "definition"},
		"another column":              {2, "ALTER TABLE towns MODIFY COLUMN instance VARCHAR(65) NOT NULL DEFAULT ''", "definition"},
		"a step back":                 {2, "DELETE FROM schema_migrations WHERE version = 2", "went back"},
		"no step at all":              {1, "DELETE FROM schema_migrations", "no schema"},
		"an instance with an escape":  {2, "INSERT INTO towns VALUES ('id-x', 'x', 1, CONCAT('i', CHAR(27), '[2J'), 0)", "instance"},
		"an instance that is a path":  {2, "INSERT INTO towns VALUES ('id-x', 'x', 1, '../x', 0)", "instance"},
	} {
		t.Run(name, func(t *testing.T) {
			there, mirror := formerStore(t, test.steps, "alpha"), t.TempDir()
			there.publish(t, mirror)
			ours := raw(t, mirror, "id-alpha")
			ours.migrate(t)
			there.exec(t, test.query)
			there.publish(t, mirror)
			err := ours.take(t, mirror)
			if !errors.Is(err, town.ErrRefused) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want a refusal that says %q", err, test.want)
			}
		})
	}
}

// A Town that left stays in the registry and says so, in every Town; when it joins
// again, from whichever directory, it is there as before.
func TestATownLeavesAndReturns(t *testing.T) {
	s := newStore(t)
	if commit, err := s.Leave(t.Context()); err != nil || commit != "" {
		t.Fatalf("a Town that is not in the registry left: %q %v", commit, err)
	}
	register := func(e Entry) {
		t.Helper()
		if _, err := s.Register(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want Member) {
		t.Helper()
		if got, err := s.Self(t.Context()); err != nil || got != want {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
	}
	register(Entry{Name: "alpha", Instance: "one"})
	if commit, err := s.Leave(t.Context()); err != nil || commit == "" {
		t.Fatalf("%q %v", commit, err)
	}
	if commit, err := s.Leave(t.Context()); err != nil || commit != "" {
		t.Errorf("it left twice: %q %v", commit, err)
	}
	expect(Member{ID: "town-1", Name: "alpha", Revision: 2, Instance: "one", Left: true, Epoch: 1})
	register(Entry{Name: "alpha", Instance: "two"})
	expect(Member{ID: "town-1", Name: "alpha", Revision: 3, Instance: "two", Epoch: 2})
}

// Two directories of one Town were promoted at once, from one state of the registry. The
// one that published first stays, in every Town, and the other one may not register.
func TestOneOfTwoPromotionsStands(t *testing.T) {
	for name, loser := range map[string]string{"greater": "i9", "smaller": "i0"} {
		t.Run(name, func(t *testing.T) {
			first, mirror := newStore(t), t.TempDir()
			entry := func(instance string, epoch uint64) Entry {
				return Entry{Name: "alpha", Instance: instance, Epoch: epoch}
			}
			register := func(s *Store, e Entry) (err error) {
				_, err = s.Register(t.Context(), e)
				return err
			}
			if err := register(first, entry("i5", 0)); err != nil {
				t.Fatal(err)
			}
			first.publish(t, mirror)
			second, other := raw(t, mirror, "town-1"), raw(t, mirror, "id-beta")
			if err := errors.Join(register(first, entry("i6", 2)), register(second, entry(loser, 2))); err != nil {
				t.Fatal(err)
			}
			first.publish(t, mirror)
			for _, s := range []*Store{second, other} {
				if err := s.take(t, mirror); err != nil {
					t.Fatal(err)
				}
				if all, err := s.Towns(t.Context()); err != nil || all[0].Instance != "i6" || all[0].Epoch != 2 {
					t.Errorf("%+v, %v", all, err)
				}
			}
			if err := register(second, entry(loser, 2)); !errors.Is(err, town.ErrRefused) {
				t.Errorf("the second promotion of one epoch: %v", err)
			}
			if err := register(second, entry("i7", 3)); err != nil {
				t.Errorf("a later decision: %v", err)
			}
		})
	}
}

// After a directory stepped down, only one that is promoted takes the entry: not the one
// that spoke before it, nor a new copy.
func TestSteppingDown(t *testing.T) {
	s := newStore(t)
	if _, err := s.Register(t.Context(), Entry{Name: "alpha", Instance: "i1"}); err != nil {
		t.Fatal(err)
	}
	for n, instance := range []string{"i9", "i1", "i1"} {
		if commit, err := s.StepDown(t.Context(), instance); err != nil || (commit != "") != (n == 1) {
			t.Errorf("%s steps down: %q, %v", instance, commit, err)
		}
	}
	if m, err := s.Self(t.Context()); err != nil || m != (Member{ID: "town-1", Name: "alpha", Revision: 2, Epoch: 2}) {
		t.Errorf("%+v, %v", m, err)
	}
	for _, e := range []Entry{{Name: "alpha", Instance: "i1"}, {Name: "alpha", Instance: "i2"}, {Name: "alpha", Instance: "i1", Epoch: 2}} {
		if _, err := s.Register(t.Context(), e); !errors.Is(err, town.ErrRefused) {
			t.Errorf("%+v: %v", e, err)
		}
	}
	if _, err := s.Register(t.Context(), Entry{Name: "alpha", Instance: "i2", Epoch: 3}); err != nil {
		t.Error(err)
	}
}
