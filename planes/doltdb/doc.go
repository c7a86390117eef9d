// Package doltdb is the only importer of Dolt, with the packages below it. It opens
// one database (one data plane), runs reads in pinned sessions and every change as
// one SQL transaction that ends in one Dolt commit, applies migrations, merges with
// a resolver of the caller, and exchanges commits with a directory that serves as a
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
//     town.ErrBusy, which names the holder. It never falls back to read-only, nor
//     to another store.
//   - Updates of one database run one after the other, in whatever process, and
//     none undoes another's. A Shared database has one user.
//   - One open database serves many callers at once, each through a view with its
//     own actor (Local.As).
//   - Open never creates. Create never overwrites.
//   - A change is visible whole or not at all, also after kill -9.
//   - A Local database has no method that could give it a remote, and its
//     transactions refuse to call procedures.
//   - Whoever has a plane's Store reaches no SQL through it: planes promote an
//     Upkeep or a Replica and hide the database.
//
// Nothing here retries for the caller, who knows whether a second attempt makes
// sense. The exception is an Update through a server that conflicts with another
// program's.
package doltdb

import (
	// First, so that usage reporting is off before the engine starts.
	_ "gastown/planes/doltdb/internal/quiet"
)
