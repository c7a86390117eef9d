// Package ledger is the plane of the Town's work: beads, their dependencies,
// labels and comments, an audit trail of events, what was deleted, and mail.
//
// The plane is a doltdb.Local: it has no remote of its own. Rows leave it only
// by a share rule, through another database.
//
// Guarantees:
//
//   - Every change is one transaction and one Dolt commit with an author, also
//     after kill -9: all of it or nothing. A batch with one bad entry changes
//     nothing, and its error lists every bad entry.
//   - Reads take one query however many beads they return; Queries counts them.
//     Export takes four for any number of beads, a short id costs one more.
//   - What a read returned from a cache is what the database would have said.
//   - Nothing is lost: deleted beads stay in tombstones and can be restored,
//     fields of an import that this program does not know are kept.
//   - Mail is in tables of its own: no list of beads and no export has it.
//
// No table has counters: ids are random or derived from content, so rows that are
// made independently never claim the same key. Nothing here retries, except that
// the database may run a change again when another writer was first.
package ledger
