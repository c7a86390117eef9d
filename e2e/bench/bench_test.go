package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gastown/cmd/gt/benchmark/trial"
	"gastown/e2e/internal/programs"
)

// counted are the figures that are the same on every machine and for any number of
// rows.
var counted = map[string]float64{
	stepConnect + stepNone: 1, stepConnect + stepPush: 1, stepConnect + stepPull: 1,
	stepGit + stepNone: 1, stepGit + stepPush: 2, stepGit + stepPull: 2,
}

// A quick run over every kind of remote measures everything. The test checks
// counts, not times.
func TestQuick(t *testing.T) {
	o := quick(t, "-dir", t.TempDir())
	var progress bytes.Buffer
	figures, err := measure(t.Context(), o, &progress)
	if err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	seen := map[string]int{}
	for _, f := range figures {
		seen[f.Name]++
		want, ok := counted[f.Name]
		if ok && f.Ours != want {
			t.Errorf("%s, %s: %v, want %v", f.Remote, f.Name, f.Ours, want)
		}
		if ok && f.Stock <= f.Ours {
			t.Errorf("%s, %s: the stock command is counted with %v: what is counted?", f.Remote, f.Name, f.Stock)
		}
		if f.Ours <= 0 {
			t.Errorf("%s, %s: measured %v", f.Remote, f.Name, f.Ours)
		}
	}
	for _, name := range []string{stepStart, stepRecord, stepFirst, stepJoin, stepBefore, stepVerify, stepPush, stepFind, stepSync, stepNone,
		stepPull, stepMemory, stepGit + stepPush} {
		if seen[name] != 3 {
			t.Errorf("%s was measured %d times, want once for each remote", name, seen[name])
		}
	}
	if seen[stepPush+withDeacon] != 1 || seen[stepNone+withDeacon] != 1 {
		t.Error("the push and the pull with a Deacon were not measured once")
	}
	if seen[stepConnect+stepPush] != 2 || seen["repository after 10 pushes"] != 1 {
		t.Errorf("measured: %v", seen)
	}
}

// A quick run of a Town with a Deacon measures everything once.
func TestQuickDeacon(t *testing.T) {
	o := quick(t)
	figures, err := deacons(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, d := range figures {
		seen[d.Name] = true
		if d.Value <= 0 || d.Beside != "" && d.Other <= 0 {
			t.Errorf("measured %+v", d)
		}
	}
	for _, name := range []string{deaconStart, deaconStop, deaconStatus, deaconRead, deaconWrite, deaconStall, deaconMemory, sessionStart, workSpawn, workPool, alertMessages, alertDelay} {
		if !seen[name] {
			t.Errorf("%s was not measured", name)
		}
	}
	var out strings.Builder
	if err := report(&out, results{Deacon: figures}, false); err != nil || !strings.Contains(out.String(), deaconStall) {
		t.Errorf("%v\n%s", err, out.String())
	}
	t.Log(out.String())
}

// A quick run of fronts measures every figure that has a limit, and reads their
// whole output.
func TestQuickFronts(t *testing.T) {
	figures, err := fronts(t.Context(), quick(t))
	if err != nil {
		t.Fatal(err)
	}
	// TestQuickDeacon and TestQuickMerging measure these, and glances others.
	seen := map[string]bool{deaconStatus: true, sessionStart: true, fmt.Sprintf(glanceStatus, 100): true, glancePrime: true, glanceGuard: true,
		glanceHook: true, glanceInbox: true, glanceMetrics: true, workSpawn: true, workPool: true, workDispatch: true, convoyRefresh: true, alertMessages: true, mergeBatches: true, mergeBad: true, mergeDone: true, reportTime: true, reportMemory: true,
		monitorBusy: true, monitorMemory: true}
	for _, n := range patrolSizes { // and TestQuickPatrols these
		seen[fmt.Sprintf(patrolTook, n)], seen[fmt.Sprintf(patrolProcesses, n)] = true, true
	}
	for _, d := range figures {
		seen[d.Name] = true
		if d.Value <= 0 && d.Name != frontAdded { // a difference may be negative
			t.Errorf("measured %+v", d)
		}
	}
	for name := range deaconLimits {
		if !seen[name] {
			t.Errorf("%s was not measured", name)
		}
	}
}

// Merge queues are measured, and the number of runs does not depend on the machine.
func TestQuickMerging(t *testing.T) {
	figures, err := merging(t.Context(), quick(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range figures {
		if d.Value <= 0 || d.Name == mergeBad && d.Over {
			t.Errorf("measured %+v", d)
		}
		t.Logf("%s: %.3f %s (%.3f)", d.Name, d.Value, d.Unit, d.Other)
	}
	if len(figures) != 3 {
		t.Errorf("measured %+v", figures)
	}
}

// Backups are measured, and what they add does not depend on the machine.
func TestQuickBackups(t *testing.T) {
	figures, err := backups(t.Context(), quick(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range figures {
		if d.Value <= 0 || d.Name == backupBytes && d.Over {
			t.Errorf("measured %+v", d)
		}
		t.Logf("%s: %.3f %s (%.3f)", d.Name, d.Value, d.Unit, d.Other)
	}
	if len(figures) != 6 {
		t.Errorf("measured %+v", figures)
	}
}

// Points of a month share files: thirty of them take less than three full copies.
func TestQuickMonth(t *testing.T) {
	figures, err := month(t.Context(), quick(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range figures {
		t.Logf("%s: %.3f %s (%.3f)", d.Name, d.Value, d.Unit, d.Other)
	}
	if len(figures) != 2 || figures[0].Other <= 0 || figures[0].Value > 3*figures[0].Other {
		t.Errorf("measured %+v", figures)
	}
}

func TestDeaconLimits(t *testing.T) {
	for _, test := range []struct {
		d             deaconFigure
		limited, over bool
	}{
		{deaconFigure{Name: frontShow, Value: 8}, true, false},
		{deaconFigure{Name: frontShow, Value: 8.1}, true, true},
		{deaconFigure{Name: frontRowHandles, Value: 50, Other: 50}, true, false},
		{deaconFigure{Name: frontRowHandles, Value: 51, Other: 50}, true, true},
		{deaconFigure{Name: deaconRead, Value: 1000}, false, false},
	} {
		if got := judgeDeacon(test.d); (got.Limit != 0) != test.limited || got.Over != test.over {
			t.Errorf("%+v: limit %v, over %v", test.d, got.Limit, got.Over)
		}
	}
}

// bin is the directory of the programs under test, timed that of the program that
// measures them.
var bin, timed string

func TestMain(m *testing.M) {
	dir, remove, err := programs.Dir()
	if err == nil {
		bin = dir
		timed, err = os.MkdirTemp("", "gtb")
	}
	if err == nil {
		_, err = buildTimed(context.Background(), timed)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	remove()
	_ = os.RemoveAll(timed)
	os.Exit(code)
}

// quick are the options of a quick run.
func quick(t *testing.T, args ...string) options {
	t.Helper()
	o, err := parse(append([]string{"-quick", "-gt", filepath.Join(bin, "gt")}, args...))
	if err != nil {
		t.Fatal(err)
	}
	o.timed = filepath.Join(timed, "timed")
	return o
}

func TestLimits(t *testing.T) {
	for _, test := range []struct {
		f       figure
		limited bool
		over    bool
	}{
		{figure{Rows: large, Remote: "local", Name: stepPush, Ours: 59, Stock: 100}, true, false},
		{figure{Rows: large, Remote: "local", Name: stepPush, Ours: 61, Stock: 100}, true, true},
		{figure{Rows: 5000, Remote: "ssh", Name: stepNone, Ours: 51, Stock: 100}, true, true},
		{figure{Rows: small, Remote: "http", Name: stepPush, Ours: 500, Stock: 100}, false, false},
		{figure{Rows: small, Remote: "http", Name: stepConnect + stepPush, Ours: 2, Stock: 8}, true, true},
		{figure{Rows: large, Remote: "ssh", Name: stepMemory, Ours: 299, Stock: 100}, true, false},
		{figure{Rows: small, Remote: "ssh", Name: stepMemory, Ours: 400, Stock: 100}, false, false},
	} {
		if got := judge(test.f); (got.Limit != 0) != test.limited || got.Over != test.over {
			t.Errorf("%+v: limit %v, over %v", test.f, got.Limit, got.Over)
		}
	}
}

func TestReport(t *testing.T) {
	var out strings.Builder
	err := report(&out, results{Federation: []figure{
		judge(figure{Rows: small, Remote: "ssh", Name: stepPush, Unit: "ms", Ours: 20, Stock: 100}),
		judge(figure{Rows: small, Remote: "ssh", Name: stepNone, Unit: "ms", Ours: 80, Stock: 100}),
	}}, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"0.20  <= 0.25    ok", "0.80  <= 0.50  OVER", "1 of 2 limits kept"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
}

// A whole Town is measured, or the report says why not.
func TestWhole(t *testing.T) {
	r, err := wholeTown(t.Context(), quick(t))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := report(&out, results{Whole: r}, false); err != nil {
		t.Fatal(err)
	}
	want := "small"
	if _, err := exec.LookPath("tmux"); err != nil {
		want = "not run: there is no tmux"
	}
	if _, table, _ := strings.Cut(out.String(), "--scenario small\n"); !strings.Contains(table, want) || want == "small" && (r.Missing != "" || !json.Valid(r.Result)) {
		t.Errorf("%s\n%+v", out.String(), r)
	}
	t.Setenv("PATH", "")
	if r, err := wholeTown(t.Context(), quick(t)); err != nil || r.Missing != "there is no tmux" {
		t.Errorf("without tmux: %+v, %v", r, err)
	}
}

func TestTraceLines(t *testing.T) {
	if name, took, ok := trial.Traced("trace load index 1500\n"); !ok || name != "load index" || took.Microseconds() != 1500 {
		t.Errorf("read %q %v %v", name, took, ok)
	}
	for _, line := range []string{"", "trace", "trace x", "other 12", "trace open soon"} {
		if _, _, ok := trial.Traced(line); ok {
			t.Errorf("%q was taken for a measurement", line)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, bad := range []string{"-rows=0", "-rows=x", "-remotes=ftp", "-n=0", "-pushes=-1", "-beads=0", "-beads=5,x"} {
		if _, err := parse([]string{bad}); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}
