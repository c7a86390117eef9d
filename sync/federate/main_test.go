package federate

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"gastown/planes/doltdb"
)

// The number of random histories in each test that tries some, unless
// -rapid.checks gives another. A history takes seconds, because everything in it is
// real.
const (
	defaultHistories = 8
	shortHistories   = 3
)

// TestMain makes the directory for copies and lowers rapid's default number of
// checks. Tests that run in parallel share that number.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	histories := defaultHistories
	if testing.Short() {
		histories = shortHistories
	}
	var err error
	if !asked {
		err = flag.Set("rapid.checks", fmt.Sprint(histories))
	}
	if err == nil {
		copies.dir, err = os.MkdirTemp("", "federate")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(copies.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// copies are unused databases to copy, by their purpose.
var copies struct {
	sync.Mutex
	dir  string
	made map[string]string
}

// fresh puts a new database at opts.Dir. create makes it for the first test that
// asks for that purpose; the others get a copy, because making a database takes as
// long as many tests.
func fresh(t testing.TB, what string, opts doltdb.Options, create func(doltdb.Options) (io.Closer, error)) {
	t.Helper()
	copies.Lock()
	defer copies.Unlock()
	from, there := copies.made[what]
	if !there {
		from = filepath.Join(copies.dir, fmt.Sprint(len(copies.made)), filepath.Base(opts.Dir))
		if err := os.MkdirAll(filepath.Dir(from), 0o700); err != nil {
			t.Fatal(err)
		}
		origin := opts
		origin.Dir = from
		s, err := create(origin)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if copies.made == nil {
			copies.made = map[string]string{}
		}
		copies.made[what] = from
	}
	if err := os.MkdirAll(filepath.Dir(opts.Dir), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(opts.Dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// tempDir is a directory for a test, removed when the test ends. Dolt has one home
// for the process, that of the Town opened last, and may write there while another
// test removes that Town. What is left is removed with the copies.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(copies.dir, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
