// Package operational is the plane of what only this Town needs to know about
// itself while it works: which reviews await a person, which agents are alive,
// who works on which bead and what waits for a worker, how checks and jobs went,
// and the feed, the Town's stream of events. No other Town shares any of it and no
// synced row may hold it.
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
// Who works on what. An assignment gives one bead to one agent. A unique key, not a
// check, makes sure that at most one assignment holds a bead and at most one holds
// an agent. Each has an epoch of its own, and the run of the session that works on
// it; what acts on an assignment shows both (town.Ticket) and is refused with a
// *StaleError once another session took over or the assignment ended. The feed's
// event about a change is written in the transaction of the change.
//
// The bead itself is a row of the ledger, which is another database, and no
// transaction spans the two. The order is fixed, so that every crash leaves
// something that a controller can mend:
//
//  1. Assign writes the assignment. The unique key decides who has the bead. Told is
//     false: the ledger does not know yet.
//  2. The ledger is told: the bead is claimed for the agent, if nobody else has it.
//  3. Store.Told records that, if the assignment is still in the state that the
//     ledger was told of.
//
// An assignment ends in the same three steps, and its row holds the bead until the
// third: so nobody is given a bead of which the ledger says something old. Steps two
// and three may be repeated by anybody at any time.
//
// Nothing retries.
package operational
