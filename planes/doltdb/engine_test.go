package doltdb

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/dolthub/dolt/go/libraries/doltcore/dbfactory"

	"gastown/planes/doltdb/internal/engine"
	"gastown/town"
)

// The engine can open files and its own memory and nothing on a network, even
// when a statement asks it to.
func TestEngineReachesNoNetwork(t *testing.T) {
	opts := Options{Dir: filepath.Join(t.TempDir(), "plane"), Actor: town.Actor{Name: "Ada", Email: "ada@example.com"}}
	db, err := Create(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	for scheme := range dbfactory.DBFactories {
		if scheme != dbfactory.FileScheme && scheme != dbfactory.MemScheme {
			t.Errorf("the engine can open %s", scheme)
		}
	}
	err = db.View(t.Context(), func(tx *Tx) error {
		if err := tx.call(t.Context(), "CALL DOLT_REMOTE('add', 'out', 'http://127.0.0.1:1/x')"); err != nil {
			return nil //nolint:nilerr // refused even earlier
		}
		return tx.call(t.Context(), "CALL DOLT_PUSH('out', 'main')")
	})
	if err != nil && !strings.Contains(err.Error(), "unknown url scheme") {
		t.Errorf("a push to a network: %v", err)
	}
	if n := engine.Remembered(); n != 0 {
		t.Errorf("%d opened stores are still remembered", n)
	}
}
