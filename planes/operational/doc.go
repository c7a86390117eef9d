// Package operational is the plane of what only this Town needs to know about
// itself while it works: when each review that awaits a person was first seen
// here, which agents gave a sign of life, how checks and jobs went. No other Town
// shares that and no synced row may hold it.
//
// The plane never leaves the Town: its Store is a doltdb.Local, which has no
// method that names a remote and runs no procedure for its callers, and Open
// refuses a database that was given a remote by other means.
//
// Each method that writes is one transaction and at most one commit; what the
// Deacon notes all the time (Record, Prune) makes none. Nothing retries.
package operational
