package ledger

import (
	"bufio"
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// recordCrew has the crew work on a real ledger and records its commands.
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

// crewQueries is how many queries the session takes without caches, in any way
// of using the database and with any writes in between.
var crewQueries int64

// replay runs a session again, writes through one Store and reads through
// another, with caches if cached is set, and counts the queries of the reads.
func replay(t *testing.T, session []command, cached bool) (queries int64, writes int, w *fingerprint) {
	t.Helper()
	writer := crewLedger(t)
	reader := writer
	if cached {
		reader = second(t, writer)
	}
	var now time.Time
	writer.now = func() time.Time { return now }
	reader.now = writer.now
	for _, c := range session {
		now = crewBegan.Add(c.at)
		s, before := writer, int64(0)
		if slices.Contains(crewReads, c.what) {
			s, before = reader, reader.Queries()
		}
		if _, err := c.run(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(crewReads, c.what) {
			writes++
			continue
		}
		queries += reader.Queries() - before
	}
	return queries, writes, reader.fingerprint
}

// direct is how many queries the session takes without caches: one for each
// read, two for those that ask what waits. Short mode relies on that; otherwise
// the session is run to find out.
func direct(t *testing.T, session []command) (expected int64) {
	t.Helper()
	for _, c := range session {
		switch {
		case c.what == "blocked", c.what == "ready":
			expected += 2
		case slices.Contains(crewReads, c.what):
			expected++
		}
	}
	if testing.Short() {
		return expected
	}
	if crewQueries == 0 {
		crewQueries, _, _ = replay(t, session, false)
	}
	if crewQueries != expected {
		t.Errorf("the session takes %d queries without caches, not %d", crewQueries, expected)
	}
	return crewQueries
}

// TestCachesSpareNineReadsInTen replays the recorded session on a ledger with
// caches and on one without, and counts what reaches the database. The session
// is of a crew that mostly looks: eight agents write six times in ten minutes.
// Where agents write more, caches spare less: see TestCachesAtOtherMixes.
func TestCachesSpareNineReadsInTen(t *testing.T) {
	if *record {
		recordCrew(t)
	}
	session := recording(t)
	through, writes, w := replay(t, session, true)
	direct := direct(t, session)
	t.Logf("%d commands, %d of them write: %d queries without caches, %d with them", len(session), writes, direct, through)
	// A server that is not ours is asked for its root at every read: one small
	// query in place of a large one.
	if through*10 > direct && w.generation != nil {
		t.Errorf("caches spare only %d of %d queries", direct-through, direct)
	}
}

// mixes replays the session with more writes.
var mixes = flag.Bool("ledger.mixes", false, "replay the crew's session with more writes too: a minute")

// mixedShares are the shares of writes, in thousandths of all commands, that the
// table of docs/performance.md shows.
var mixedShares = []int{4, 5, 10, 20, 50, 100, 200}

// mixed is the session with as many notes and comments of its agents between
// the rest as make writes such a share of all commands.
func mixed(session []command, thousandths int) []command {
	draw := rand.New(rand.NewPCG(3, uint64(thousandths)))
	all := slices.Clone(session)
	writes := 0
	for _, c := range session {
		if !slices.Contains(crewReads, c.what) {
			writes++
		}
	}
	for ; writes*1000 < thousandths*len(all); writes++ {
		agent := draw.IntN(crewAgents)
		all = append(all, command{
			at: time.Duration(draw.Int64N(int64(crewTime))).Truncate(time.Millisecond), who: fmt.Sprintf("agent%d", agent),
			what: []string{"note", "comment"}[draw.IntN(2)], arg: crewBead(agent),
		})
	}
	slices.SortStableFunc(all, func(a, b command) int { return cmp.Compare(a.at, b.at) })
	return all
}

// TestCachesAtOtherMixes counts the queries of the same reads with more writes
// between them. Each write invalidates every cached answer, so the savings
// depend on how often the same is asked between two writes. The suite replays
// one mix, of one write in a hundred commands; -ledger.mixes -v prints all.
func TestCachesAtOtherMixes(t *testing.T) {
	if crewLedger(t).fingerprint.generation == nil {
		return // no query is saved: see above
	}
	session := recording(t)
	shares := mixedShares
	if !*mixes {
		shares = []int{10}
	}
	for _, share := range shares {
		through, writes, _ := replay(t, mixed(session, share), true)
		direct := direct(t, session)
		saved := 100 - float64(100*through)/float64(direct)
		t.Logf("%4.1f %% writes: %3d, one of each agent in %v: %d of %d queries, %.0f %% fewer", float64(share)/10, writes,
			(crewTime * crewAgents / time.Duration(writes)).Round(time.Second), through, direct, saved)
		if share == 10 && saved < 80 {
			t.Errorf("at one write in a hundred commands caches spare only %.0f %%", saved)
		}
	}
}
