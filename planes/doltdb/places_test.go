package doltdb

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"gastown/e2e/stockdolt"
)

// place is where the tests below have their databases open.
type place struct {
	name string
	// open opens the database that was made at a directory.
	open func(t *testing.T, dir string) *Shared
}

// here is this process.
var here = place{"embedded", func(t *testing.T, dir string) *Shared { return open(t, options(dir)) }}

// everywhere runs a test for each way a database may be used, because what
// holds for one must hold for all. In short mode it leaves out servers that are
// not ours, which take as long as the others together.
func everywhere(t *testing.T, test func(t *testing.T, p place)) {
	places := []place{
		here,
		{"socket", func(t *testing.T, dir string) *Shared { return open(t, serve(t, dir)) }},
		{"external", func(t *testing.T, dir string) *Shared { return open(t, stock(t, dir)) }},
	}
	if testing.Short() {
		places = places[:2]
	}
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) { test(t, p) })
	}
}

// create makes a database with a table of notes and opens it at the place.
func (p place) create(t *testing.T, dir string) *Shared {
	t.Helper()
	made(t, dir)
	return p.open(t, dir)
}

func made(t *testing.T, dir string) {
	t.Helper()
	db, err := Create(t.Context(), options(dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context(), notes); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, opts Options) *Shared {
	t.Helper()
	db, err := OpenShared(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// serve serves one database until the test ends and says how to reach it.
func serve(t *testing.T, dir string) Options {
	t.Helper()
	opts := serveOptions(t, dir)
	s, err := Serve(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	client := options(dir)
	client.Socket = opts.Socket
	return client
}

// stock serves one database with the unmodified dolt until the test ends.
func stock(t *testing.T, dir string) Options {
	t.Helper()
	runner, err := stockdolt.New(t.Context(), filepath.Join(shortDir(t), "home"))
	if err != nil {
		t.Fatal(err)
	}
	address, stop, err := runner.Serve(t.Context(), filepath.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	client := options(dir)
	client.External = &External{Address: address, User: "root"}
	return client
}

func serveOptions(t *testing.T, dir string) ServeOptions {
	t.Helper()
	return ServeOptions{
		Dir: filepath.Dir(dir), Planes: []string{filepath.Base(dir)}, Command: "test server",
		Socket: filepath.Join(shortDir(t), "sql.sock"), Wait: options(dir).Wait,
	}
}

// shortDir is a directory whose path is short enough for a socket in it.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
