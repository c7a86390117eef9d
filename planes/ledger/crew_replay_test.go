package ledger

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// recordCrew has the crew work on a real ledger and writes down what it did.
func recordCrew(t *testing.T) {
	s := crewLedger(t)
	var now time.Duration
	s.now = func() time.Time { return crewBegan.Add(now) }
	var out strings.Builder
	all := crew(func(who, what, arg string) []string {
		c := command{now, who, what, arg}
		ids, err := c.run(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&out, c)
		now += time.Millisecond
		return ids
	})
	for now < crewTime {
		next := slices.MinFunc(all, func(a, b *actor) int { return int(a.next - b.next) })
		now = max(now, next.next)
		next.next = now + next.act(now)
	}
	if err := os.WriteFile(crewFile, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func recording(t *testing.T) (all []command) {
	t.Helper()
	f, err := os.Open(crewFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		words := append(strings.SplitN(lines.Text(), " ", 4), "")
		var c command
		if _, err := fmt.Sscan(words[0], &c.at); err != nil || len(words) < 4 {
			t.Fatalf("%s: %q: %v", crewFile, lines.Text(), err)
		}
		c.at, c.who, c.what, c.arg = c.at*time.Millisecond, words[1], words[2], words[3]
		all = append(all, c)
	}
	return all
}

// crewQueries is how many queries the session takes without caches, whichever
// way the database is used.
var crewQueries int64

// TestCachesSpareNineReadsInTen replays the recorded session on a ledger with
// caches and on one without, and counts what reaches the database.
func TestCachesSpareNineReadsInTen(t *testing.T) {
	if *record {
		recordCrew(t)
	}
	session := recording(t)
	reads := 0
	replay := func(cached bool) (queries int64, witness *witness) {
		writer := crewLedger(t)
		reader := writer
		if cached {
			reader = second(t, writer)
		}
		var now time.Time
		writer.now = func() time.Time { return now }
		reader.now = writer.now
		reads = 0
		for _, c := range session {
			now = crewBegan.Add(c.at)
			if !slices.Contains(crewReads, c.what) {
				if _, err := c.run(t.Context(), writer); err != nil {
					t.Fatal(err)
				}
				continue
			}
			reads++
			before := reader.Queries()
			if _, err := c.run(t.Context(), reader); err != nil {
				t.Fatal(err)
			}
			queries += reader.Queries() - before
		}
		return queries, reader.witness
	}
	if crewQueries == 0 {
		crewQueries, _ = replay(false)
	}
	direct := crewQueries
	through, w := replay(true)
	t.Logf("%d commands, %d of them read: %d queries without caches, %d with them", len(session), reads, direct, through)
	// A server that is not ours is asked for its root at every read: one small
	// query in place of a large one.
	if through*10 > direct && w.generation != nil {
		t.Errorf("caches spare only %d of %d queries", direct-through, direct)
	}
}
