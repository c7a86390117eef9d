package crash

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/planes/federation"
	"gastown/sync/federate"
	"gastown/town"
	"gastown/town/layout"
)

// joins is how many processes each of the tests below kills.
var joins = flag.Int("joins", 16, "how many joins, and how many inits, to kill at random moments")

// status checks that the status command works after any interruption.
func (m *machine) status(t testing.TB, url string) federate.Status {
	t.Helper()
	s, err := m.engine.Status(t.Context(), []federate.Remote{{Name: "origin", URL: url}})
	if err != nil {
		t.Fatalf("%s: status: %v", m.name, err)
	}
	return s
}

// retired reports whether the Town's own database is among those that joins
// retired.
func (m *machine) retired(t testing.TB) bool {
	t.Helper()
	kept, err := filepath.Glob(filepath.Join(m.layout.Retired(), "federation-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range kept {
		if filepath.Ext(dir) == ".lock" {
			continue
		}
		// A database is named after its directory.
		link := filepath.Join(t.TempDir(), layout.Federation)
		if err := os.Symlink(dir, link); err != nil {
			t.Fatal(err)
		}
		s, err := federation.Open(t.Context(), doltdb.Options{Dir: link}, "store-of-"+m.name, town.ID("id-"+m.name))
		if errors.Is(err, doltdb.ErrOtherStore) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return true
	}
	return false
}

// TestJoinKilledAnywhere kills joins of Towns that have texts of their own.
func TestJoinKilledAnywhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	url := bare(t, dir)
	first := newMachine(t, dir+"/first", "first")
	first.must(t, "init", url)
	next := 0
	joiner := func() (*machine, string) {
		next++
		m := newMachine(t, fmt.Sprintf("%s/%d", dir, next), fmt.Sprint("town", next))
		body := m.name + " before it joined"
		m.change(t, body)
		m.must(t, "commit", url)
		m.change(t, body+", unrecorded")
		return m, body
	}
	m, _ := joiner()
	usual := m.took(t, "join", url)
	killed := 0
	for range *joins {
		m, body := joiner()
		delay := time.Duration(rand.Int64N(int64(usual)))
		t.Logf("%s: join killed after %v of %v", m.name, delay, usual)
		if m.begin(t, "join", url, "").killAfter(t, delay) {
			killed++
		}
		m.status(t, url)
		m.must(t, "join", url)
		first.must(t, "pull", url)
		ours, theirs := m.plane(t), first.plane(t)
		if ours.head != theirs.head {
			t.Errorf("%s is at %s, the federation at %s", m.name, ours.head, theirs.head)
		}
		for _, text := range []string{body, body + ", unrecorded"} {
			if n := theirs.has(text); n != len(paths) {
				t.Errorf("%d of %d texts are kept: %s", n, len(paths), text)
			}
		}
		if !m.retired(t) {
			t.Errorf("%s: the former store is not kept", m.name)
		}
		m.tidy(t)
		alone(t, m.dir)
	}
	git(t, url, "fsck", "--strict", "--no-progress")
	t.Logf("%d of %d joins were killed before they were done", killed, *joins)
}

// TestInitKilledAnywhere kills the first publication.
func TestInitKilledAnywhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fresh := func(n int) (*machine, string) {
		place := fmt.Sprintf("%s/%d", dir, n)
		m := newMachine(t, place+"/town", "town")
		m.change(t, "unrecorded")
		return m, bare(t, place)
	}
	m, url := fresh(0)
	usual := m.took(t, "init", url)
	killed := 0
	for n := range *joins {
		m, url := fresh(n + 1)
		delay := time.Duration(rand.Int64N(int64(usual)))
		t.Logf("init %d killed after %v of %v", n+1, delay, usual)
		if m.begin(t, "init", url, "").killAfter(t, delay) {
			killed++
		}
		m.status(t, url)
		switch err := m.do(t.Context(), "init", url); {
		case errors.Is(err, town.ErrRefused): // it had already published, and the error says to join
			m.must(t, "join", url)
		case err != nil:
			t.Fatal(err)
		}
		m.must(t, "sync", url)
		other := newMachine(t, filepath.Dir(m.dir)+"/other", "other")
		other.must(t, "join", url)
		if got := other.plane(t).has("unrecorded"); got != len(paths) {
			t.Errorf("%d of %d texts arrived", got, len(paths))
		}
		m.tidy(t)
		alone(t, m.dir)
		git(t, url, "fsck", "--strict", "--no-progress")
	}
	t.Logf("%d of %d inits were killed before they were done", killed, *joins)
}
