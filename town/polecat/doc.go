// Package polecat is the life of a rig's workers. A polecat has an identity that
// lasts (its address), a sandbox that is reused, and a session for one piece of
// work.
//
// Rows of the operational plane say what should be, the Town's tmux and process
// table say what is. Controller makes the second follow the first: Gather collects
// both into a Snapshot, Plan decides, and the Controller carries the actions out.
// Plan is a pure function. Every action is idempotent, names the state it was
// planned from, and does nothing when that has changed. So a pass may end anywhere,
// and any process may run the next one.
//
// Guarantees:
//
//   - The ledger follows the assignments: see package operational for the order in
//     which both are written, and Plan for what mends a crash between them.
//   - A session is started, handed its work and ended under the agent's lock, after
//     the rows were read again. No sandbox is prepared while a session works in it.
//   - A polecat's work is saved before its sandbox is removed. If it cannot be
//     saved, the sandbox stays.
//   - A polecat counts as dead only when its session or its program is gone, never
//     because of silence; and not while its session starts.
//
// Nothing here retries within a pass: the next pass is the retry.
package polecat
