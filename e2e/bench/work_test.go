package main

import (
	"fmt"
	"strings"
	"testing"
)

// A quick run measures what people and agents call all the time, once each.
func TestQuickGlances(t *testing.T) {
	figures, err := glances(t.Context(), quick(t))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, d := range figures {
		seen[d.Name]++
		if d.Value <= 0 && d.Name != monitorBusy && d.Name != monitorMemory { // a difference may be negative
			t.Errorf("measured %+v", d)
		}
	}
	names := []string{monitorBusy, monitorMemory, glancePrime, glanceGuard, glanceHeartbeat, glanceHook, glanceInbox, glanceSend, workDispatch, convoyRefresh}
	for _, size := range townSizes() {
		names = append(names, fmt.Sprintf(glanceStatus, size.Polecats))
		if size.Name != "" {
			names = append(names, size.slowest())
		}
	}
	for _, name := range names {
		if seen[name] != 1 {
			t.Errorf("%s was measured %d times", name, seen[name])
		}
	}
	var out strings.Builder
	if err := report(&out, results{Fronts: figures}, false); err != nil {
		t.Error(err)
	}
	t.Log(out.String())
}

// The report is measured on metrics of a day, which take a second to make.
func TestQuickReports(t *testing.T) {
	figures, err := reports(t.Context(), quick(t), 1)
	if err != nil || len(figures) != 2 || figures[0].Name != reportTime || figures[1].Name != reportMemory {
		t.Fatal(figures, err)
	}
	for _, d := range figures {
		t.Logf("%s: %g %s", d.Name, d.Value, d.Unit)
		if d.Limit == 0 || d.Name == reportTime && d.Value <= 0 {
			t.Errorf("%+v", d)
		}
	}
}

// Patrols are measured, and the number of processes does not depend on the machine.
func TestQuickPatrols(t *testing.T) {
	figures, err := patrols(t.Context(), quick(t))
	if err != nil || len(figures) != 2 {
		t.Fatal(figures, err)
	}
	for _, d := range figures {
		t.Logf("%s: %g %s", d.Name, d.Value, d.Unit)
		if d.Limit == 0 || d.Value <= 0 || d.Unit == "processes" && d.Over {
			t.Errorf("%+v", d)
		}
	}
}
