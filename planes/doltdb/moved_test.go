package doltdb

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"gastown/planes/doltdb/internal/engine"
)

// A Town that is moved while a database is being opened is not made anew in its
// former place: here the database is gone after it was seen.
func TestOpeningMakesNoPlaceAnew(t *testing.T) {
	town := filepath.Join(t.TempDir(), "town")
	opts := options(filepath.Join(town, "data", "ledger")).withDefaults()
	if _, err := openHere(t.Context(), opts); !errors.Is(err, ErrMissing) {
		t.Errorf("open: %v", err)
	}
	if err := engine.Prepare(opts.Home); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the engine's settings: %v", err)
	}
	if _, err := os.Lstat(town); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the place is there: %v", err)
	}
}
