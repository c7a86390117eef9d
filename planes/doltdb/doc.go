// Package doltdb is the only importer of Dolt. It opens one database (one data
// plane), runs reads in pinned sessions and every change as one SQL transaction
// that ends in one Dolt commit, applies migrations, merges with a resolver that
// the caller provides, and exchanges commits with a directory that acts as a
// file remote.
//
// Guarantees:
//
//   - One process at a time has a database open. A second one waits up to
//     Options.Wait and then fails with town.ErrBusy, naming the holder. It never
//     opens read-only behind one's back and never another store.
//   - Open never creates. Create never overwrites.
//   - A change is visible whole or not at all, also after kill -9.
//   - A Local database has no method that could give it a remote, and its
//     transactions refuse to call procedures.
//
// Nothing here retries: the caller knows whether a second attempt makes sense.
package doltdb

import (
	// First, so that usage reporting is off before the engine starts.
	_ "gastown/planes/doltdb/internal/quiet"
)
