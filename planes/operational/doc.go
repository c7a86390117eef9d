// Package operational is the plane of what only this Town needs to know about
// itself while it works: which reviews await a person, which agents are alive,
// how checks and jobs went, and the feed, the Town's stream of events. No other
// Town shares any of it and no synced row may hold it.
//
// The plane never leaves the Town: its database is a doltdb.Local, which has no
// method that names a remote and runs no procedure for its callers, and Open
// refuses a database that was given a remote by other means. Store does not
// hand the database out.
//
// Each method that writes is one transaction. Reviews makes a Dolt commit, of
// its own table only. Everything else is written without one: rows are durable
// when the method returns, and no commit retains the rows that are replaced or
// removed later, so the database stays as large as its present rows. A copy of
// the plane made with dolt clone therefore has only the reviews; a copy of its
// directory has everything.
//
// Nothing retries.
package operational
