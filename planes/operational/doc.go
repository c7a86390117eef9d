// Package operational is the plane of what only this Town needs to know about
// itself while it works. For now that is when each review that awaits a person
// was first seen here, which no other Town shares and no synced row may hold.
//
// The plane never leaves the Town: its Store is a doltdb.Local, which has no
// method that names a remote and runs no procedure for its callers, and Open
// refuses a database that was given a remote by other means.
//
// Each method that writes is one transaction and at most one commit. Nothing
// retries.
package operational
