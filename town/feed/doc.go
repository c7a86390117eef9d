// Package feed is the Town's one stream of events: what commands and the Deacon
// append to the operational plane, in order, joined by what changed in the
// ledger.
//
// Guarantees:
//
//   - An event is durable when Append returns. Its number, Seq, is one more than
//     that of the event before it.
//   - Each entry of the ledger's audit trail becomes one event. Collect writes the
//     events and the commit of the ledger they go up to in one transaction, so a
//     crash or a second collector neither loses nor repeats one. The events of one
//     Collect stand in the order in which they were made.
//   - A reader with a cursor gets every event once it has been appended, across
//     restarts, until it acknowledges it. One that crashes between acting on a page
//     and acknowledging it gets that page again.
//   - The feed is bounded in rows and age (operational.Retention), and the oldest
//     events go. A reader that had not come to them is told by Page.Loss.
//
// A ledger that was set back to an earlier commit, or that lost the commit
// collected last, does not stop the feed: an event of the kind LedgerDiverged or
// LedgerUnknown reports it, and the feed continues from the present commit.
//
// Nothing here retries. The functions in Options open the databases, and
// may return a store that is already open.
package feed
