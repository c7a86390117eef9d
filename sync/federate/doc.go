// Package federate is the engine that keeps a Town's files, its federation plane
// and one or more Git remotes in step. The command line, Git hooks and the Deacon
// call it. It decides when; the packages below decide how:
//
//	sync/files          files  <-> edits
//	planes/federation   edits  <-> rows, merges, reviews
//	planes/doltdb       rows   <-> mirror directory
//	sync/gitremote      mirror <-> ref of a Git repository
//	sync/records        ledger <-> records that travel beside the federation
//
// The order of steps makes it safe. Edits become a commit before anything is sent;
// a merge is a commit before any file is written; the state of a remote is saved
// after the server confirmed it. Each step can be repeated, so the next call
// completes whatever was interrupted, and does not need to know which step that
// was.
//
// Locks: a call that talks to a remote is a session, which holds that remote's lock
// to its end. The database is open only while rows are read or written, never
// during a network step, so a slow remote delays nobody else.
//
// The engine does not call its caller back for its own work. What only the caller
// can provide is an interface in Options: Stores, ReviewBoard,
// records.LedgerOpener, records.Approver. It reads no environment and has no
// global state, so many engines may run in one process.
package federate
