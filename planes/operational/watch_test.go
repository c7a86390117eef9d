package operational

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gastown/planes/doltdb"
)

var noon = time.Date(2031, 3, 10, 12, 0, 0, 123456000, time.UTC)

func TestRecordsReplaceEachOther(t *testing.T) {
	s, dir := create(t)
	before := head(t, s)
	beat := func(agent, state string, at time.Time) Heartbeat {
		return Heartbeat{Agent: agent, State: state, At: at}
	}
	first := Batch{
		Heartbeats: []Heartbeat{beat("rig/a", "idle", noon), beat("rig/b", "idle", noon), beat("rig/a", "working", noon.Add(time.Second))},
		Checks:     []CheckState{{Name: "disk", State: "healthy", Figure: "10 %", Since: noon}},
		Jobs:       []JobRun{{Job: "gc", Began: noon, Took: 1500 * time.Microsecond, Outcome: "ok", Note: "nothing"}},
		Entries:    []Entry{{At: noon, Kind: "check", Subject: "disk", Detail: "healthy"}},
	}
	if err := errors.Join(s.Record(t.Context(), first), s.Record(t.Context(), Batch{})); err != nil {
		t.Fatal(err)
	}
	err := s.Record(t.Context(), Batch{
		Heartbeats: []Heartbeat{beat("rig/b", "stuck", noon.Add(time.Minute))},
		Checks:     []CheckState{{Name: "disk", State: "critical", Figure: "99 %", Since: noon.Add(time.Minute)}},
		Entries:    []Entry{{At: noon.Add(time.Minute), Kind: "check", Subject: "disk", Detail: "critical"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if head(t, s) != before {
		t.Error("heartbeats made a commit")
	}
	s = reopen(t, s, dir)
	beats, err := s.Heartbeats(t.Context(), noon.Add(-time.Hour))
	want := []Heartbeat{beat("rig/a", "working", noon.Add(time.Second)), beat("rig/b", "stuck", noon.Add(time.Minute))}
	if diff := cmp.Diff(want, beats); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if late, err := s.Heartbeats(t.Context(), noon.Add(30*time.Second)); err != nil || len(late) != 1 {
		t.Errorf("%v, %v", late, err)
	}
	checks, err := s.CheckStates(t.Context())
	if err != nil || len(checks) != 1 || checks[0].State != "critical" || !checks[0].Since.Equal(noon.Add(time.Minute)) {
		t.Errorf("%v, %v", checks, err)
	}
	jobs, err := s.JobRuns(t.Context())
	if diff := cmp.Diff(first.Jobs, jobs); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	p, err := s.FeedAfter(t.Context(), 0, 10)
	if err != nil || len(p.Entries) != 2 || p.Entries[0].Detail != "healthy" || p.Entries[1].Detail != "critical" {
		t.Errorf("%v, %v", p, err)
	}
	removed, err := s.Prune(t.Context(), noon.Add(30*time.Second))
	if err != nil || removed != 3 {
		t.Errorf("%d removed, %v", removed, err)
	}
	if checks, err := s.CheckStates(t.Context()); err != nil || len(checks) != 1 {
		t.Errorf("the state of a check was removed: %v, %v", checks, err)
	}
	if took, err := s.Latency(t.Context()); err != nil || took <= 0 {
		t.Errorf("%v, %v", took, err)
	}
}

func TestLongTextsAreCut(t *testing.T) {
	s, _ := create(t)
	long := strings.Repeat("ä", 1000)
	err := s.Record(t.Context(), Batch{
		Heartbeats: []Heartbeat{{Agent: long, State: long, Note: long, At: noon}},
		Checks:     []CheckState{{Name: long, State: long, Figure: long, Since: noon}},
		Jobs:       []JobRun{{Job: long, Outcome: long, Note: long, Error: long, Began: noon}},
		Entries:    []Entry{{Kind: long, Subject: long, Detail: long, At: noon}},
	})
	if err != nil {
		t.Error(err)
	}
}

// Rows that are in no commit survive the steps to a newer schema, and commits of
// other tables.
func TestUncommittedRowsSurvive(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "operational")
	db, err := doltdb.CreateStore(t.Context(), options(dir), uuid, migrations[:1])
	if err != nil {
		t.Fatal(err)
	}
	old := &Store{db: db}
	err = old.db.Write(t.Context(), func(tx *doltdb.Tx) error {
		return replace(t.Context(), tx, nil, []Review{review("mayor")})
	})
	if err := errors.Join(err, old.Close()); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), options(dir), uuid)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if all, err := s.OpenReviews(t.Context()); err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	if err := s.Record(t.Context(), Batch{Checks: []CheckState{{Name: "disk", State: "healthy", Since: noon}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Reviews(t.Context(), []Review{review("dog")}, noon); err != nil {
		t.Fatal(err)
	}
	if all, err := s.CheckStates(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
}

// batches is how many batches of heartbeats are written; 8640 are a day.
var batches = flag.Int("batches", 240, "batches of heartbeats, one for each ten simulated seconds")

// A hundred agents each give a heartbeat every ten seconds, and every ten minutes
// garbage is collected if the plane has grown. The size after forty simulated
// minutes shows that a day stays far below 200 MB. "make soak" simulates the
// whole day.
func TestHeartbeatsStaySmall(t *testing.T) {
	s, dir := create(t)
	const agents, every = 100, 60
	var largest int64
	for n := range *batches {
		at := noon.Add(time.Duration(n) * 10 * time.Second)
		var b Batch
		for a := range agents {
			b.Heartbeats = append(b.Heartbeats, Heartbeat{
				Agent: fmt.Sprintf("rig%d/polecat-%d", a%7, a), State: "working", Note: fmt.Sprintf("step %d of %s", n, "gt-abc"), At: at,
			})
		}
		if err := s.Record(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if n%every == every-1 {
			largest = max(largest, size(t, dir))
			if _, err := s.MaybeGC(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("largest %.1f MB, in the end %.1f MB", float64(largest)/1e6, float64(size(t, dir))/1e6)
	// A collection is due at 16 MB; the rest is written until it runs.
	if limit := min(int64(*batches)*20e3, 20e6); largest > limit {
		t.Errorf("the plane grew to %d bytes", largest)
	}
	if err := s.GC(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := size(t, dir); n > 2e6 {
		t.Errorf("%d bytes after a collection", n)
	}
	if beats, err := s.Heartbeats(t.Context(), noon); err != nil || len(beats) != agents {
		t.Errorf("%d agents, %v", len(beats), err)
	}
}

func size(t *testing.T, dir string) (total int64) {
	t.Helper()
	err := filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return total
}
