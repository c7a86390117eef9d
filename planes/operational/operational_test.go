package operational

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gastown/planes/doltdb"
	"gastown/planes/doltdb/doltdbtest"
	"gastown/town"
)

const (
	uuid  = "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12"
	other = "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a13"
)

func options(dir string) doltdb.Options {
	return doltdbtest.Reach(doltdb.Options{
		Dir: dir, Actor: town.Actor{Name: "Ada", Email: "ada@example.com"}, Wait: 2 * time.Minute, Command: "test",
	})
}

func TestMain(m *testing.M) { os.Exit(doltdbtest.Main(m)) }

// create makes a plane and returns it with its directory. It is closed with the test.
func create(t *testing.T) (*Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data", "operational")
	s, err := Create(t.Context(), options(dir), uuid)
	if err == nil && doltdbtest.Serve(t, dir, s.Close) {
		s, err = Open(t.Context(), options(dir), uuid)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, dir
}

func reopen(t *testing.T, s *Store, dir string) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), options(dir), uuid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func head(t *testing.T, s *Store) string {
	t.Helper()
	h, err := s.db.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func review(name string) Review { return Review{Proposal: town.ContentDigest(name), Name: name} }

func TestReviews(t *testing.T) {
	s, dir := create(t)
	// A time zone east of UTC, and a time finer than the database stores.
	monday := time.Date(2031, 3, 10, 1, 30, 0, 123456789, time.FixedZone("", 9*3600))
	at := func(name string, when time.Time) Review {
		r := review(name)
		r.FirstSeen = when.UTC().Truncate(time.Microsecond)
		return r
	}
	step := func(now time.Time, writes bool, open []Review, want ...Review) {
		t.Helper()
		before := head(t, s)
		got, err := s.Reviews(t.Context(), open, now)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("open reviews: %s", diff)
		}
		if (head(t, s) != before) != writes {
			t.Errorf("a commit was made: %v, want %v", !writes, writes)
		}
	}
	tuesday, friday := monday.Add(24*time.Hour), monday.Add(96*time.Hour)
	mayor, witness, dog := review("mayor"), review("witness"), review("dog")

	step(monday, false, nil)
	step(monday, true, []Review{witness, mayor}, at("mayor", monday), at("witness", monday))
	step(tuesday, false, []Review{mayor, witness, mayor}, at("mayor", monday), at("witness", monday))
	step(tuesday, true, []Review{dog, mayor, witness}, at("mayor", monday), at("witness", monday), at("dog", tuesday))
	s = reopen(t, s, dir)
	// The caller's own FirstSeen is ignored.
	claimed := mayor
	claimed.FirstSeen = friday
	step(friday, false, []Review{claimed, witness, dog}, at("mayor", monday), at("witness", monday), at("dog", tuesday))
	step(friday, true, []Review{dog, witness}, at("witness", monday), at("dog", tuesday))
	// A review that was closed and opens again counts as new.
	step(friday, true, []Review{dog, mayor}, at("dog", tuesday), at("mayor", friday))
	step(friday, true, nil)
}

func TestManyReviews(t *testing.T) {
	s, _ := create(t)
	now := time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)
	var open []Review
	for i := range 2*batchRows + 1 {
		open = append(open, Review{Proposal: town.DigestOf("p", string(rune('a'+i%26)), time.Duration(i).String()), Name: "mayor"})
	}
	for _, some := range [][]Review{open, open[:1], open} {
		got, err := s.Reviews(t.Context(), some, now)
		if err != nil || len(got) != len(some) {
			t.Fatalf("%d reviews of %d, %v", len(got), len(some), err)
		}
	}
}

func TestBadReviewsChangeNothing(t *testing.T) {
	s, _ := create(t)
	before := head(t, s)
	for _, bad := range [][]Review{
		{review("mayor"), {Proposal: "abc", Name: "mayor"}},
		{{Proposal: town.Digest(strings.Repeat("Z", 64)), Name: "mayor"}},
		{{Proposal: review("mayor").Proposal, Name: "../mayor"}},
		{review("mayor"), {Proposal: review("mayor").Proposal, Name: "dog"}},
	} {
		if got, err := s.Reviews(t.Context(), bad, time.Now()); err == nil {
			t.Errorf("%v was recorded as %v", bad, got)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Reviews(ctx, []Review{review("mayor")}, time.Now()); err == nil {
		t.Error("a cancelled call was carried out")
	}
	if head(t, s) != before {
		t.Error("something was written")
	}
}

func TestAnotherStoreIsRefused(t *testing.T) {
	s, dir := create(t)
	before := head(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{other, ""} {
		if _, err := Open(t.Context(), options(dir), want); !errors.Is(err, doltdb.ErrOtherStore) || !errors.Is(err, town.ErrRefused) {
			t.Errorf("opened as %q: %v", want, err)
		}
	}
	if _, err := Create(t.Context(), options(dir), other); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made over another: %v", err)
	}
	// The refusals released the lock and changed nothing.
	s, err := Open(t.Context(), options(dir), uuid)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if head(t, s) != before {
		t.Error("a refused open wrote something")
	}
	if _, err := Open(t.Context(), options(filepath.Join(t.TempDir(), "operational")), uuid); !errors.Is(err, doltdb.ErrMissing) {
		t.Errorf("nothing there: %v", err)
	}
}

func remotes(t *testing.T, s *Store) (n int) {
	t.Helper()
	err := s.db.View(t.Context(), func(tx *doltdb.Tx) error {
		return tx.QueryRow(t.Context(), "SELECT COUNT(*) FROM dolt_remotes").Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCannotBeGivenARemoteBySQL(t *testing.T) {
	s, dir := create(t)
	target := "file://" + filepath.ToSlash(t.TempDir())
	for _, q := range []string{
		"CALL DOLT_REMOTE('add', 'x', '" + target + "')",
		"call dolt_remote('add', 'x', '" + target + "')",
		"/* */ CALL/**/DOLT_REMOTE('add', 'x', '" + target + "')",
		"SELECT 1; CALL DOLT_REMOTE('add', 'x', '" + target + "')",
		"CALL `dolt_remote`('add', 'x', '" + target + "')",
		"CALL DOLT_PUSH('" + target + "', 'main')",
		"CALL DOLT_BACKUP('sync-url', '" + target + "')",
		"SELECT DOLT_REMOTE('add', 'x', '" + target + "')",
		"INSERT INTO dolt_remotes (name, url) VALUES ('x', '" + target + "')",
		"PREPARE p FROM 'CALL DOLT_REMOTE(''add'', ''x'', ''" + target + "'')'",
		"CREATE PROCEDURE p() CALL DOLT_REMOTE('add', 'x', '" + target + "')",
		"CREATE EVENT e ON SCHEDULE EVERY 1 SECOND DO CALL DOLT_REMOTE('add', 'x', '" + target + "')",
	} {
		ways := map[string]func() error{
			"Exec": func() error {
				_, err := s.db.Update(t.Context(), "try", func(tx *doltdb.Tx) error {
					_, err := tx.Exec(t.Context(), q)
					return err
				})
				return err
			},
			"Query": func() error {
				return s.db.View(t.Context(), func(tx *doltdb.Tx) error {
					return tx.Each(t.Context(), func(*doltdb.Rows) error { return nil }, q)
				})
			},
			"QueryRow": func() error {
				return s.db.View(t.Context(), func(tx *doltdb.Tx) error {
					var v any
					return tx.QueryRow(t.Context(), q).Scan(&v)
				})
			},
		}
		for way, run := range ways {
			if err := run(); err == nil {
				t.Errorf("%s carried out %s", way, q)
			}
		}
	}
	// A statement that is assembled in the database, where no check of its text sees it.
	hidden := "CONCAT('CA', 'LL DOLT_REMOTE(''add'', ''x'', ''" + target + "'')')"
	_, err := s.db.Update(t.Context(), "try", func(tx *doltdb.Tx) error {
		var errs []error
		for _, q := range []string{"SET @q = " + hidden, "PREPARE p FROM @q", "EXECUTE p"} {
			_, err := tx.Exec(t.Context(), q)
			errs = append(errs, err)
		}
		return errs[len(errs)-1]
	})
	if err == nil {
		t.Error("a hidden statement was carried out")
	}
	if n := remotes(t, s); n != 0 {
		t.Errorf("%d remotes", n)
	}
	s = reopen(t, s, dir)
	if n := remotes(t, s); n != 0 {
		t.Errorf("%d remotes after opening again", n)
	}
}

// The type itself offers no way out: no method names a remote, and none hands
// out the database, a transaction or a session.
func TestNoMethodNamesARemote(t *testing.T) {
	var got []string
	for typ, i := reflect.TypeFor[*Store](), 0; i < typ.NumMethod(); i++ {
		method := typ.Method(i)
		got = append(got, method.Name)
		for _, part := range signature(method.Type) {
			if part == reflect.TypeFor[doltdb.Use]() {
				continue // counts of connections
			}
			if strings.Contains(part.String(), "doltdb.") || strings.Contains(part.String(), "sql.") {
				t.Errorf("the method %s has a %s", method.Name, part)
			}
		}
	}
	for _, name := range []string{"Fetch", "Push", "Forget", "Clone", "Share", "Remote", "Backup"} {
		if slices.Contains(got, name) {
			t.Errorf("the store has a method %s", name)
		}
	}
	if !slices.Contains(got, "Reviews") || !slices.Contains(got, "Append") {
		t.Errorf("the methods were not found: %v", got)
	}
}

// signature lists the types of a method's parameters and results.
func signature(m reflect.Type) (all []reflect.Type) {
	for i := 1; i < m.NumIn(); i++ { // the receiver comes first
		all = append(all, m.In(i))
	}
	for i := range m.NumOut() {
		all = append(all, m.Out(i))
	}
	return all
}

func TestARemoteFromOutsideIsRefused(t *testing.T) {
	s, dir := create(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	shared, err := doltdb.OpenShared(t.Context(), options(dir))
	if err != nil {
		t.Fatal(err)
	}
	mirror := t.TempDir()
	if err := errors.Join(shared.Push(t.Context(), "x", mirror), shared.Close()); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), options(dir), uuid)
	if !errors.Is(err, town.ErrRefused) || town.Next(err) == "" {
		t.Errorf("a plane with a remote opened: %v", err)
	}
	// The advised step helps.
	shared, err = doltdb.OpenShared(t.Context(), options(dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(shared.Forget(t.Context(), "x"), shared.Close()); err != nil {
		t.Fatal(err)
	}
	s, err = Open(t.Context(), options(dir), uuid)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestOnlyItsOwnerCanReadIt(t *testing.T) {
	_, dir := create(t)
	for _, path := range []string{dir, filepath.Dir(dir)} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir + ".lock"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the lock: %v, %v", info, err)
	}
}
