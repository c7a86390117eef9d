package doltdbtest

import (
	"flag"
	"sync"
	"testing"
)

// asked reports whether somebody asked for a number of histories. It looks once: the
// flag counts as set after Histories has set it, and Main runs the tests several times.
var asked = sync.OnceValue(func() (asked bool) {
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	return asked
})

// Histories has package rapid try 20 histories until the test ends, each of which makes
// several databases, unless somebody asked for a number. It is 4 where each database has a
// server, and in short mode a fifth.
func Histories(t testing.TB) {
	t.Helper()
	if asked() {
		return
	}
	checks := "20"
	if present != embedded {
		checks = "4"
	}
	before := flag.Lookup("rapid.checks").Value.String()
	if err := flag.Set("rapid.checks", checks); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set("rapid.checks", before) })
}
