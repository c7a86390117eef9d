package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"gastown/planes/ledger"
	"gastown/town"
)

// stranger stands in for a public bd: it accepts every command and only logs it.
const stranger = `#!/bin/sh
echo "$*" >>'%s'
mkdir -p .beads
echo "$*" >.beads/last
`

// A quick run over bd measures every task alone and with a Deacon, beside the
// public one.
func TestQuickBeads(t *testing.T) {
	dir := t.TempDir()
	calls, peer := filepath.Join(dir, "calls"), filepath.Join(dir, "bd")
	if err := os.WriteFile(peer, fmt.Appendf(nil, stranger, calls), 0o700); err != nil {
		t.Fatal(err)
	}
	o := quick(t, "-beads=40", "-peer-bd", peer)
	var progress bytes.Buffer
	r, err := ledgers(t.Context(), o, &progress)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, f := range r.Tasks {
		seen[fmt.Sprint(f.Task, f.Deacon)]++
		checkFigure(t, f)
	}
	for _, task := range tasks {
		if seen[task.name+"true"] != 1 || seen[task.name+"false"] != 1 {
			t.Errorf("%s was not measured once in each way", task.name)
		}
	}
	for _, name := range []string{taskFill + "false", taskRaw + "false", taskImport(o.more) + "false", taskImport(o.more) + "true"} {
		if seen[name] != 1 {
			t.Errorf("%s was measured %d times", name, seen[name])
		}
	}
	if len(r.Sizes) != 2 || r.Sizes[0].Size <= 0 || r.Sizes[1].Size <= 0 || r.Sizes[0].Public <= 0 {
		t.Errorf("sizes: %+v", r.Sizes)
	}
	noted, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"init --prefix gt", "import /", "gc --skip-decay --force", "show --json " + beadID(1), "batch -f /", "close gt-"} {
		if !strings.Contains(string(noted), want) {
			t.Errorf("the public bd was never asked to %s:\n%s", want, noted)
		}
	}
	var out strings.Builder
	if err := report(&out, results{Beads: r}, false); err != nil || !strings.Contains(out.String(), taskBatch) {
		t.Errorf("%v\n%s", err, out.String())
	}
	t.Log(out.String())
}

// checkFigure checks the values that do not depend on the machine.
func checkFigure(t *testing.T, f beadFigure) {
	t.Helper()
	if f.Median <= 0 || f.Best > f.Median || f.Memory <= 0 || f.CPU <= 0 || f.Start <= 0 || f.Deacon != (f.Host > 0) {
		t.Errorf("measured %+v", f)
	}
	if f.Task == taskVersion {
		return
	}
	asks := f.Queries > 0 && f.Open > 0 && f.Work > 0
	if !f.Deacon && !asks { // a Deacon may answer without a query
		t.Errorf("%s: no queries: %+v", f.Task, f)
	}
	if (f.Task == taskShow || f.Task == taskShows) && f.Queries > 1 {
		t.Errorf("%s takes %d queries", f.Task, f.Queries)
	}
	alone := f.Task == taskImport(100) || f.Task == taskRaw
	if !alone && f.Direct <= 0 {
		t.Errorf("%s was not measured through an open ledger", f.Task)
	}
	if f.Task != taskImport(100) && !f.Measured {
		t.Errorf("%s of the public bd was not measured", f.Task)
	}
}

// The beads to measure with are the same in every run, and resemble those of real
// issue trackers.
func TestBeadsMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "all.jsonl")
	open, err := writeBeads(path, 0, 300)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := ledger.ReadLines(f, ledger.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	older := map[string]bool{}
	var labels, links, comments, closed int
	for i := range 300 {
		b := bead(i)
		if err := b.Validate(); err != nil {
			t.Fatal(err)
		}
		if older[b.ID] || !reflect.DeepEqual(b, bead(i)) {
			t.Fatalf("bead %d is %s again, or another each time", i, b.ID)
		}
		if n := len(b.Description); n < 200 || n > 2100 {
			t.Errorf("%s has a description of %d bytes", b.ID, n)
		}
		for _, d := range b.Dependencies {
			if !older[d.Target] {
				t.Errorf("%s depends on %s, which is no older bead", b.ID, d.Target)
			}
		}
		if b.Status == town.StatusClosed {
			closed++
		}
		older[b.ID] = true
		labels, links, comments = labels+len(b.Labels), links+len(b.Dependencies), comments+len(b.Comments)
	}
	if labels == 0 || links == 0 || comments == 0 || closed == 0 || len(open) == 0 {
		t.Errorf("%d labels, %d links, %d comments, %d closed, %d open", labels, links, comments, closed, len(open))
	}
}

func TestBeadLimits(t *testing.T) {
	for _, test := range []struct {
		f     beadFigure
		least float64
		over  bool
	}{
		{beadFigure{Beads: judged, Task: taskShow, Median: 70, Queries: 1}, 3, false},
		{beadFigure{Beads: judged, Task: taskShow, Median: 80, Queries: 1}, 3, true},
		{beadFigure{Beads: judged, Task: taskShow, Median: 70, Queries: 2}, 3, true},
		{beadFigure{Beads: judged, Task: taskShows, Median: 109, Queries: 1}, 10, true},
		{beadFigure{Beads: judged, Task: taskFill, Median: 2000, Queries: 9}, 100, false},
		{beadFigure{Beads: judged, Task: taskFill, Median: 2100, Queries: 9}, 100, true},
		{beadFigure{Beads: 100, Task: taskList, Median: 5000, Queries: 1}, 0, false},
		{beadFigure{Beads: 100, Task: taskList, Median: 50, Queries: 1, Public: 149, Measured: true}, 3, true},
		{beadFigure{Beads: 100_000, Task: taskShows, Median: 5000, Queries: 10}, 0, true},
		{beadFigure{Beads: judged, Task: taskVersion, Median: 500, Queries: -1}, 0, false},
	} {
		if got := judgeBead(test.f); got.Least != test.least || got.Over != test.over {
			t.Errorf("%+v: at least %v, over %v", test.f, got.Least, got.Over)
		}
	}
	if s := judgeSize(beadSize{Beads: judged, Name: sizeImported, Size: 20}); !s.Over || s.Public != publicImported {
		t.Errorf("%+v", s)
	}
	if s := judgeSize(beadSize{Beads: 100_000, Name: sizeImported, Size: 200}); s.Over {
		t.Errorf("%+v", s)
	}
}

func TestBeadReport(t *testing.T) {
	r := beadReport{
		Tasks: []beadFigure{
			judgeBead(beadFigure{Beads: judged, Task: taskShow, Median: 55, Queries: 1, Direct: 5}),
			judgeBead(beadFigure{Beads: judged, Deacon: true, Task: taskClose, Median: 285, Queries: 3}),
		},
		Sizes: []beadSize{judgeSize(beadSize{Beads: judged, Name: sizeImported, Size: 21})},
	}
	var out, data strings.Builder
	if err := report(&out, results{Beads: r}, false); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{" 5 11 220 4 - >= 3, 1 query ok", " 570 2 - >= 3 OVER", " 21 352 < 20 OVER", "1 of 3 limits of bd kept"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
	if err := report(&data, results{Beads: r}, true); err != nil {
		t.Fatal(err)
	}
	var back results
	if err := json.Unmarshal([]byte(data.String()), &back); err != nil || !reflect.DeepEqual(back.Beads, r) {
		t.Errorf("%v: %+v", err, back.Beads)
	}
}

// A process that the program leaves running does not delay timed, and the memory of
// a program does not include timed's.
func TestTimed(t *testing.T) {
	o := quick(t)
	large := bytes.Repeat([]byte("x"), 64<<20)
	p := program{path: "/bin/sh", timed: o.timed, env: os.Environ()}
	s, err := p.run(t.Context(), t.TempDir(), "-c", "sleep 100 >/dev/null 2>&1 & echo trace pid $!; echo trace queries 3; echo trace open 5")
	if pid := int(s.steps["pid"].Microseconds()); pid <= 0 || syscall.Kill(pid, syscall.SIGKILL) != nil {
		t.Error("what the program left running did not outlive it")
	}
	if err != nil || s.memory <= 0 || s.memory > float64(len(large))/1e6 || s.wall <= 0 || s.queries != 3 || s.steps["open"] == 0 {
		t.Errorf("%v %+v", err, s)
	}
	if _, err := p.run(t.Context(), t.TempDir(), "-c", "echo all is lost; exit 3"); err == nil || !strings.Contains(err.Error(), "all is lost") ||
		!strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("%v", err)
	}
	p.path = "/nowhere"
	if _, err := p.run(t.Context(), t.TempDir()); err == nil {
		t.Error("a program that is not there was run")
	}
}
