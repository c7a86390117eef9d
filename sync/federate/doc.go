// Package federate is the engine that keeps a Town's files, its federation
// plane and one or more Git remotes in step. The command line, Git hooks and
// the Deacon call it; it decides when, the packages below decide how:
//
//	sync/files          files  <-> edits
//	planes/federation   edits  <-> rows, merges, reviews
//	planes/doltdb       rows   <-> mirror directory
//	sync/gitremote      mirror <-> ref of a Git repository
//
// Order is what makes it safe. Edits become a commit before anything is sent; a
// merge is a commit before any file is written; the state of a remote is noted
// after the server confirmed it. Each step can be repeated, so whatever was
// interrupted is completed by the next call, and no call needs to know which
// step that was.
//
// Locks: a call that talks to a remote holds that remote's lock for as long as
// it takes; the database is open only while rows are read or written, never
// during a network step, so a slow remote delays nobody else.
package federate
