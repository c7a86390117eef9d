package backup

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// Points share files: many of them need little more than what changed, a point has few
// files, and what prune leaves restores.
func TestManyPointsShareFiles(t *testing.T) {
	h := newHarness(t)
	for n := range 400 {
		h.put(fmt.Sprintf("early %03d %s", n, strings.Repeat("x", 40)))
		if testing.Short() && n > 30 {
			break
		}
	}
	full := h.take(Databases).Point
	points := []string{full.Name}
	total := full.Added
	for n := range 3*mergeAt + 5 {
		h.now = h.now.Add(time.Hour)
		h.put(fmt.Sprint("row ", n))
		p := h.take(Databases).Point
		points, total = append(points, p.Name), total+p.Added
		if files := len(p.Items()); files > 2*3*mergeAt {
			t.Fatalf("a point has %d files", files)
		}
	}
	last := points[len(points)-1]
	t.Logf("a full point has %d bytes, %d more points added %d", full.Added, len(points)-1, total-full.Added)
	if _, err := h.Verify(t.Context(), h.to(), last, true); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Verify(t.Context(), h.to(), points[mergeAt+2], true); err != nil {
		t.Fatal(err)
	}
	h.now = h.now.Add(30 * 24 * time.Hour)
	pruned, err := h.Prune(t.Context())
	if err != nil || pruned[0].Err != nil || len(pruned[0].Points) != len(points)-2 && len(pruned[0].Points) != len(points)-1 {
		t.Fatalf("%+v, %v, of %d", pruned, err, len(points))
	}
	if pruned[0].Files != 0 {
		t.Error("files were removed without a grace")
	}
	h.now = h.now.Add(2 * time.Hour)
	if pruned, err = h.Prune(t.Context()); err != nil || pruned[0].Files == 0 {
		t.Fatalf("%+v, %v", pruned, err)
	}
	left, err := h.List(t.Context(), h.to())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		if _, err := h.Verify(t.Context(), h.to(), e.Name, true); err != nil {
			t.Error(err)
		}
	}
	h.put("after")
	h.take(Databases)
	h.restore("", "")
	if names := h.names("ledger"); !slices.Contains(names, "after") || !slices.Contains(names, "row 1") {
		t.Errorf("rows %q", names)
	}
}
