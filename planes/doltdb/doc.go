// Package doltdb is the only importer of Dolt. It opens one database (one data
// plane), runs reads in pinned sessions and every change as one SQL transaction
// that ends in one Dolt commit, applies migrations, merges with a resolver that
// the caller provides, and exchanges commits with a directory that acts as a
// file remote.
//
// A database is used in one of three ways, and callers need not know which:
//
//   - embedded: this process has its directory open;
//   - through a Server, which has the directories of all planes open and answers
//     on a socket (Options.Socket);
//   - on an existing Dolt SQL server (Options.External).
//
// Guarantees:
//
//   - One process at a time has a database directory open. A second one uses the
//     server that answers, or waits up to Options.Wait and then fails with
//     town.ErrBusy, naming the holder. It never opens read-only behind one's
//     back and never another store.
//   - Updates of one database follow each other, whoever makes them through
//     this package; none undoes another's. A Shared database has one user.
//   - Open never creates. Create never overwrites.
//   - A change is visible whole or not at all, also after kill -9.
//   - A Local database has no method that could give it a remote, and its
//     transactions refuse to call procedures.
//   - Whoever has a plane's Store reaches no SQL through it: planes promote an
//     Upkeep or a Replica and hide the database.
//
// Nothing here retries for the caller, who knows whether a second attempt makes
// sense, but for one case: Update through a server that met a foreign program's.
package doltdb

import (
	// First, so that usage reporting is off before the engine starts.
	_ "gastown/planes/doltdb/internal/quiet"
)
