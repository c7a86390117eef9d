// Package queue gives waiting beads to polecats.
//
// What waits is rows of the operational plane (work_queue). Decide is a pure function:
// it takes the queue, the agents, the limits and what the machine has left, and gives the
// assignments that may be made now, fair between rigs, and the bound that holds the
// others. Dispatcher carries them out, each in one conditional write, and plans again
// when another process was faster. So any number of dispatchers may run: the Deacon's,
// and one in every gt sling.
//
// The limits are checked once more in the transaction of each assignment, so they hold
// whatever runs at once. What the machine carries is not checked again: it is no exact
// number. Nothing waits longer because the program ended: the queue is durable, and the
// next pass goes on.
package queue
