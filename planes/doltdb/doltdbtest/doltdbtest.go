// Package doltdbtest runs the tests of a plane once for each way its database may
// be used: opened by the process itself, through a server of ours, and through an
// unmodified Dolt SQL server. What holds for one must hold for all.
//
// A package's TestMain calls Main. Its tests make a plane in this process, call
// Serve, and open the plane again if Serve returns true. All Options with which
// they open anything go through Reach.
package doltdbtest

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"gastown/e2e/stockdolt"
	"gastown/planes/doltdb"
)

// way is how the current run of the tests uses databases.
type way string

const (
	embedded way = "embedded"
	socket   way = "socket"
	external way = "external"
)

var present = embedded

// reach says how to reach databases that are served.
var reach = struct {
	sync.Mutex
	by map[string]doltdb.Options
}{by: map[string]doltdb.Options{}}

// Main runs the tests once for each way and returns the exit code. Short mode
// runs them without servers only.
func Main(m *testing.M) int {
	flag.Parse()
	ways := []way{embedded, socket, external}
	if testing.Short() {
		ways = ways[:1]
	}
	for _, present = range ways {
		if code := m.Run(); code != 0 {
			fmt.Printf("with databases %s\n", present)
			return code
		}
	}
	return 0
}

// Serve serves the database at dir until the test ends, after closing it with
// closing. It returns false and does nothing when the current run has no
// servers.
func Serve(t testing.TB, dir string, closing func() error) bool {
	t.Helper()
	if present == embedded {
		return false
	}
	if err := closing(); err != nil {
		t.Fatal(err)
	}
	// The path of a socket must be short, and the directory closed to others.
	home, err := os.MkdirTemp("", "gt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	var opts doltdb.Options
	stop := serveStock
	if present == socket {
		stop = serveOurs
	}
	end := stop(t, dir, home, &opts)
	reach.Lock()
	reach.by[dir] = opts
	reach.Unlock()
	t.Cleanup(func() {
		reach.Lock()
		delete(reach.by, dir)
		reach.Unlock()
		if err := end(); err != nil {
			t.Error(err)
		}
	})
	return true
}

// Reach adds to Options where the database is served, if it is.
func Reach(opts doltdb.Options) doltdb.Options {
	reach.Lock()
	defer reach.Unlock()
	by := reach.by[opts.Dir]
	opts.Socket, opts.External = by.Socket, by.External
	return opts
}

func serveOurs(t testing.TB, dir, home string, opts *doltdb.Options) (stop func() error) {
	t.Helper()
	opts.Socket = filepath.Join(home, "sql.sock")
	s, err := doltdb.Serve(t.Context(), doltdb.ServeOptions{
		Dir: filepath.Dir(dir), Planes: []string{filepath.Base(dir)}, Socket: opts.Socket, Command: "test server",
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() error { return s.Close(context.Background()) }
}

func serveStock(t testing.TB, dir, home string, opts *doltdb.Options) (stop func() error) {
	t.Helper()
	runner, err := stockdolt.New(t.Context(), filepath.Join(home, "home"))
	if err != nil {
		t.Fatal(err)
	}
	address, stop, err := runner.Serve(t.Context(), filepath.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	opts.External = &doltdb.External{Address: address, User: "root"}
	return stop
}
