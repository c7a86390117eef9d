package deacon

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"gastown/e2e/internal/scratch"
	"gastown/town/layout"
)

const (
	agents  = 100
	writers = 4
	// files is how many files the databases may have open: each fetch adds one, until
	// a garbage collection.
	files = 128
	// growth is how much more memory a Deacon may hold at the end than in the
	// middle, in bytes: its caches fill while there is data to fill them with.
	growth = 96 << 20
)

// TestSoak lets a Town work: heartbeats of 100 agents every second, four writers of
// beads, an editor, another Town that edits too, a sync every second and all checks.
// In the middle it kills the Deacon and starts it again. In the end no acknowledged
// change is missing, nothing failed, and the Deacon holds no more memory than before
// the second half.
func TestSoak(t *testing.T) {
	t.Parallel()
	dir := scratch.Dir(t)
	p, other := found(t, dir, "alpha"), found(t, dir, "beta")
	repo := hub(t, dir, "hub")
	p.Must("gt", "federation", "init", repo, "--yes")
	other.Must("gt", "federation", "join", repo, "--yes")
	const often = "jobs:\n" +
		"  federation-sync: {schedule: \"@every 1s\", jitter: 0s, deadline: 30s}\n" +
		"  heartbeat-flush: {schedule: \"@every 1s\"}\n" +
		"  checks: {schedule: \"@every 5s\"}\n" +
		"  check-git: {schedule: \"@every 10s\", jitter: 0s}\n" +
		"  gc-by-size: {schedule: \"@every 10s\", jitter: 0s}\n"
	p.schedule(often)
	d := p.start()
	l := newLoad(t, p, other)
	defer l.end()

	l.open()
	<-time.After(*lasting / 4)
	l.turbulent.Add(1) // commands may be cut off from now on, and report it
	killed := time.Now()
	d.kill()
	remote := layout.Town{Root: p.Root}.Remote("origin") // every git process of a sync has this path in its arguments
	scratch.Await(t, "nothing of the killed Deacon is left", func() bool { return len(speaking(remote)) == 0 })
	d.Close()
	d = p.start()
	l.turbulent.Add(1)
	t.Logf("a Deacon runs again %s after the kill", time.Since(killed).Round(time.Millisecond))

	<-time.After(*lasting / 4)
	l.shut()
	middle := lowest(t, d)
	l.open()
	<-time.After(*lasting / 2)
	l.shut()
	end := lowest(t, d)
	l.end()

	t.Logf("middle %+v", middle)
	t.Logf("end    %+v", end)
	if end.goroutines > middle.goroutines+slack || end.descriptors > middle.descriptors+slack {
		t.Errorf("goroutines or descriptors grew: %+v, then %+v", middle, end)
	}
	if end.files > files {
		t.Errorf("the databases have %d files open", end.files)
	}
	if end.children > 0 {
		t.Errorf("%d processes of the Deacon's are always there", end.children)
	}
	if end.resident > middle.resident+growth {
		t.Errorf("it held %d MB, and then %d MB", middle.resident>>20, end.resident>>20)
	}
	for _, outcome := range []string{"failed", "deadline", "stuck", "panicked"} {
		if n := metric(t, d, "gt_deacon_job_runs_total", `outcome="`+outcome+`"`); n != 0 {
			t.Errorf("%v runs of jobs: %s", n, outcome)
		}
	}
	if n := metric(t, d, "gt_deacon_refused_requests_total") + metric(t, d, "gt_deacon_dropped_records_total"); n != 0 {
		t.Errorf("%v requests or records were turned away", n)
	}
	if s := d.status(); s.Agents != agents || s.Health == "critical" {
		t.Errorf("%d agents, health %s", s.Agents, s.Health)
	}
	for line := range strings.Lines(p.logged()) {
		if strings.Contains(line, `"level":"error"`) {
			t.Errorf("the log: %s", line)
		}
	}
	l.verify()
}

// verify checks that every acknowledged change is there.
func (l *load) verify() {
	l.t.Helper()
	var beads []struct{ ID, Title string }
	if err := json.Unmarshal([]byte(l.p.Must("bd", "list", "--json", "--limit", "0")), &beads); err != nil {
		l.t.Fatal(err)
	}
	title := map[string]string{}
	for _, b := range beads {
		title[b.ID] = b.Title
	}
	lost := 0
	for id, want := range l.acknowledged {
		if title[id] != want {
			lost++
			l.t.Errorf("bead %s, acknowledged as %q, is %q", id, want, title[id])
		}
	}
	l.t.Logf("%d beads acknowledged, %d there, %d lost; %d commands cut off by the kill; %d heartbeats; %d edits here and %d there",
		len(l.acknowledged), len(beads), lost, l.cut.Load(), l.beats.Load(), l.edits[0], l.edits[1])
	if len(l.acknowledged) == 0 || l.beats.Load() == 0 {
		l.t.Error("nothing was done")
	}
	for i, p := range []*place{l.p, l.other} {
		p.Must("gt", "federation", "sync")
		l.other.Must("gt", "federation", "sync")
		for _, q := range []*place{l.p, l.other} {
			if want := l.said(i); !q.says(editors[i], want) {
				l.t.Errorf("%s lacks %q", q.file(editors[i]), want)
			}
		}
	}
}
