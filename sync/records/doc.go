// Package records shares records of the Town's ledger with other Towns, and
// takes over what other Towns share.
//
// Rules (sync/share) select records and their fields. What they select is
// copied into an exchange (planes/exchange), a database that belongs to one
// remote and lies on a Git ref of its own (gitremote.Space). A record is searched for
// secrets (sync/leaks) before it is written there. Each Town owns its rows,
// and signs them: a row that another Town changed is put back.
//
// The package opens no connection. Its ref travels beside the federation's, in
// the same fetch and the same push; sync/federate holds the remote's lock, makes
// the connection, and calls this package at two places:
//
//   - Session.Pull, after a fetch, merges the records that arrived.
//   - Session.Plan and Plan.Stage, before a push, put this Town's records into
//     the mirror; Plan.Published notes that the remote has confirmed them.
//
// Nothing leaves unseen. A person approves each new rule for each remote
// (Approver); a rule nobody approved only takes records back. A commit of the
// exchange that no remote confirmed is dropped and made again, so that a record
// that was withdrawn before it left does not leave as part of the history.
//
// Every step can be repeated. The exchange can always be derived again from the
// remote and the ledger, so losing it costs time and no record.
package records
