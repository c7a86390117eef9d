// Package quiet switches the database engine's usage reporting off before the
// engine's own initialisation looks, and keeps the engine off standard output. It
// imports only the standard library, and its import path sorts before the
// engine's, so the language initialises it first.
package quiet

import "os"

func init() {
	// The value does not matter to the engine, only that it is set.
	_ = os.Setenv("DOLT_METRICS_DISABLED", "1")
	_ = os.Setenv("DOLT_DISABLE_EVENT_FLUSH", "1")
}
