package crash

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// points is how many processes TestKilledAnywhere kills.
var points = flag.Int("points", 200, "how many processes to kill at random moments")

// lanes is how many pairs of Towns share the points. Each pair has its own
// repository.
const lanes = 2

// lane is two Towns and their repository. The test kills processes of victim.
type lane struct {
	t             *testing.T
	dir, url      string
	victim, other *machine
	usual         map[string]time.Duration // how long a call takes without a kill
	killed, late  int
	slow          time.Duration // the longest recovery
}

func newLane(t *testing.T) *lane {
	t.Helper()
	l := &lane{t: t, dir: t.TempDir(), usual: map[string]time.Duration{}}
	l.url = bare(t, l.dir)
	l.victim = newMachine(t, l.dir+"/victim", "victim")
	l.other = newMachine(t, l.dir+"/other", "other")
	l.victim.must(t, "init", l.url)
	l.other.must(t, "join", l.url)
	l.victim.must(t, "pull", l.url)
	for i := range 6 {
		verb := []string{"push", "pull"}[i%2]
		l.prepare(verb, fmt.Sprint("measure ", i), i%3 == 0, true)
		l.usual[verb] = max(l.usual[verb], l.victim.took(t, verb, l.url))
		l.victim.must(t, "sync", l.url)
		l.other.must(t, "pull", l.url)
	}
	return l
}

// prepare gives a push or pull of the victim something to do. With contested, both
// Towns changed the same documents.
func (l *lane) prepare(verb, body string, contested, recorded bool) {
	l.t.Helper()
	if verb == "pull" || contested {
		l.other.change(l.t, body+" by other")
		l.other.must(l.t, "push", l.url)
	}
	if verb == "push" || contested {
		l.victim.change(l.t, body+" by victim")
		if recorded {
			l.victim.must(l.t, "commit", l.url)
		}
	}
}

// round kills one process at one moment.
func (l *lane) round(i int) {
	l.t.Helper()
	verb := []string{"push", "pull"}[i%2]
	contested, recorded := i/2%2 == 0, i/4%2 == 0
	body := fmt.Sprint("round ", i)
	l.prepare(verb, body, contested, recorded)
	usual := l.usual[verb]
	delay := time.Duration(rand.Int64N(int64(usual) + 1))
	l.t.Logf("round %d: %s (contested %v, recorded %v) killed after %v of %v", i, verb, contested, recorded, delay, usual)
	if l.victim.begin(l.t, verb, l.url, "").killAfter(l.t, delay) {
		l.killed++
		if delay > usual*9/10 {
			l.usual[verb] += usual / 10
		}
	} else {
		l.late++
		l.usual[verb] -= usual / 10 // so that later kills hit the call rather than its end
	}

	// At any time the other Town sees all of the change or none of it.
	l.other.must(l.t, "pull", l.url)
	if n := l.other.plane(l.t).has(body + " by victim"); n != 0 && n != len(paths) {
		l.t.Errorf("round %d: the other Town sees %d of %d documents", i, n, len(paths))
	}
	start := time.Now()
	l.victim.must(l.t, "sync", l.url)
	l.slow = max(l.slow, time.Since(start))
	l.other.must(l.t, "pull", l.url)
	l.agree(i, verb, body, contested)
}

// agree checks that no text is lost and no temporary file is left.
func (l *lane) agree(i int, verb, body string, contested bool) {
	l.t.Helper()
	victim, other := l.victim.plane(l.t), l.other.plane(l.t)
	if victim.head != other.head {
		l.t.Errorf("round %d: the Towns are at %s and %s", i, victim.head, other.head)
	}
	for who, wrote := range map[string]bool{" by victim": verb == "push" || contested, " by other": verb == "pull" || contested} {
		if n := other.has(body + who); wrote && n != len(paths) {
			l.t.Errorf("round %d: %d of %d texts%s are kept", i, n, len(paths), who)
		}
	}
	if diff := cmp.Diff(l.victim.files(l.t), l.other.files(l.t)); diff != "" {
		l.t.Errorf("round %d: files differ:\n%s", i, diff)
	}
	l.victim.tidy(l.t)
	alone(l.t, l.dir)
	if i%10 == 0 { // it reads every file
		git(l.t, l.url, "fsck", "--strict", "--no-progress")
	} else {
		git(l.t, l.url, "fsck", "--connectivity-only", "--no-progress")
	}
}

// TestKilledAnywhere kills pushes and pulls at random moments.
func TestKilledAnywhere(t *testing.T) {
	for n := range lanes {
		t.Run(fmt.Sprint("lane ", n+1), func(t *testing.T) {
			t.Parallel()
			l := newLane(t)
			start, last := time.Now(), 0
			for i := 0; l.killed < *points/lanes && !t.Failed(); i++ {
				if last = i; i > 2**points {
					t.Fatalf("only %d of %d processes could be killed", l.killed, i)
				}
				l.round(i)
			}
			git(t, l.url, "fsck", "--strict", "--no-progress")
			// At the end, every text of every round must still exist.
			end := l.other.plane(t)
			for i := 0; i <= last; i++ {
				contested := i/2%2 == 0
				for who, wrote := range map[string]bool{" by victim": i%2 == 0 || contested, " by other": i%2 == 1 || contested} {
					if got := end.has(fmt.Sprint("round ", i) + who); wrote && got != len(paths) {
						t.Errorf("at the end, %d of %d texts of round %d%s are kept", got, len(paths), i, who)
					}
				}
			}
			t.Logf("%d killed, %d were done first, in %v; push takes %v, pull %v, the slowest recovery took %v",
				l.killed, l.late, time.Since(start).Round(time.Millisecond), l.usual["push"], l.usual["pull"], l.slow)
		})
	}
}
