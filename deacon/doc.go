// Package deacon is the daemon of a Town: it owns the Town's databases while it
// runs, keeps time, looks whether all is well, and answers for it.
//
//	deacon/schedule   jobs, and when they run
//	deacon/check      what it means that something is well
//	deacon/control    what gt's commands ask of it, over a unix socket
//	deacon/web        what it tells everybody else, over HTTP
//	deacon/guard      what stands before both listeners
//	deacon/logs       the log
//
// This package puts them together. There is exactly one Deacon for each Town:
// it holds a lock of the kernel's for as long as it lives, so one that was
// killed leaves nothing that would be in the way of the next.
//
// It also keeps the ledger open and answers the reads of commands from memory,
// where a state of the database that is still the same allows it.
//
// Run takes named steps and undoes them in reverse. A step that fails ends the
// start with everything undone; the end takes no longer than stopBudget,
// whatever does not answer. The Deacon never retries a failed run at once: each
// job has its schedule, and its pause when it keeps failing.
package deacon
