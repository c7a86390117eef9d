package backup

import (
	"path/filepath"
	"strings"
	"testing"

	"gastown/e2e/stockdolt"
)

// The stock dolt restores the newest point from the destination as it is, with rows that
// nobody has committed, and finds nothing wrong with it.
func TestStockDoltRestores(t *testing.T) {
	if testing.Short() {
		t.Skip("it may have to build dolt")
	}
	h := newHarness(t)
	h.take(Databases)
	h.put("second")
	h.take(Databases)
	stock, err := stockdolt.New(t.Context(), filepath.Join(h.root, "home"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := stock.Run(t.Context(), h.root, "backup", "restore", "file://"+filepath.Join(h.dest, "planes", "ledger"), "ledger"); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	restored := filepath.Join(h.root, "ledger")
	out, err := stock.Run(t.Context(), restored, "sql", "-r", "csv", "-q", "SELECT name FROM notes ORDER BY name")
	if err != nil || !strings.Contains(string(out), "first\nsecond") {
		t.Errorf("%s, %v", out, err)
	}
	if out, err := stock.Run(t.Context(), restored, "fsck"); err != nil {
		t.Errorf("%s, %v", out, err)
	}
	// It may also be used in place, as a clone's remote.
	if out, err := stock.Run(t.Context(), h.root, "clone", "file://"+filepath.Join(h.dest, "planes", "operational"), "cloned"); err != nil {
		t.Errorf("%s, %v", out, err)
	}
	h.put("third")
	h.take(Databases)
	if _, err := h.Verify(t.Context(), h.to(), h.entry("").Name, true); err != nil {
		t.Error(err)
	}
}
