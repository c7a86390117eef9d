package ledger

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gastown/planes/doltdb/doltdbtest"
	"gastown/town"
)

// TestMain runs the tests for each way a database may be used. As a child
// process it runs an import, and is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("LEDGER_IMPORT"); dir != "" {
		os.Exit(importFrom(dir, os.Stdin))
	}
	if dir := os.Getenv("LEDGER_MIGRATE"); dir != "" {
		os.Exit(importFrom(dir, strings.NewReader("")))
	}
	os.Exit(doltdbtest.Main(m))
}

// newLedger makes a ledger that is closed with the test.
func newLedger(t testing.TB) *Store {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data", "ledger")
	s, err := Create(t.Context(), options(dir), uuid)
	if err == nil && doltdbtest.Serve(t, dir, s.Close) {
		s, err = Open(t.Context(), options(dir), uuid)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// served reports whether a server has the ledger.
func served(s *Store) bool {
	opts := options(s.Dir())
	return opts.Socket != "" || opts.External != nil
}

// second is another Store of the same ledger, with caches. It opens the ledger
// itself where a server has it, and shares the open database otherwise.
func second(t testing.TB, s *Store) *Store {
	t.Helper()
	opts := options(s.Dir())
	other := &Store{db: s.db, actor: s.actor, now: s.now, words: &wordsCache{}}
	var err error
	if served(s) {
		if other, err = Open(t.Context(), opts, uuid); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = other.Close() })
	} else {
		if other.fingerprint, err = openFingerprint(opts); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = other.fingerprint.close() })
	}
	other.Cached(NewCaches(0, 0))
	return other
}

// closeBeads closes beads, whatever they wait for.
func closeBeads(ctx context.Context, s *Store, ids []string, reason string) ([]town.Bead, error) {
	done, err := s.CloseReady(ctx, ids, Closing{Reason: reason, Force: true})
	return append(done.Beads, done.Already...), err
}
