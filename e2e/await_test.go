package e2e

import (
	"os"
	"regexp"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

const (
	// awaitLimit is how long a script waits for work in the background, awaitPoll
	// how often it looks.
	awaitLimit = 3 * time.Minute
	awaitPoll  = 20 * time.Millisecond
)

// await waits for a line in a file that a background process writes.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE PATTERN")
	}
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	tick := time.NewTicker(awaitPoll)
	defer tick.Stop()
	for deadline := time.After(awaitLimit); ; {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && pattern.Match(text) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("no line like %q in %s: %v\n%s", args[1], args[0], err, text)
		}
	}
}
