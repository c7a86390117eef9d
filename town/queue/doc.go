// Package queue gives waiting beads to polecats.
//
// What waits is rows of the operational plane (work_queue). Plan is a pure function:
// from the queue, the agents and the limits to the assignments that may be made now,
// fair between rigs. Dispatcher carries them out, each in one conditional write, and
// plans again when another process was faster. So any number of dispatchers may run:
// the Deacon's, and one in every gt sling.
//
// The bounds that Plan respects are checked once more in the transaction of each
// assignment, so they hold whatever runs at once. Nothing waits longer because the
// program ended: the queue is durable, and the next pass goes on.
package queue
