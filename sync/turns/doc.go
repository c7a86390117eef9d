// Package turns decides how Towns that publish to one remote at the same time take
// turns. It is pure: it says what to do, and its caller does it and says what
// happened. It has no clock, no random source of its own and no I/O, so a
// simulation runs the same code as a push does.
//
// The federation is one ref that moves by compare and swap. A Town that loses that
// race leaves its edits on a ref of its own, a turn, where nobody competes with
// it. Whoever publishes next merges the oldest turns into what it publishes and
// removes them, in one step. So an edit whose turn waits is published within a
// bounded number of publications: all older turns go first, at least one with each
// publication and usually MaxAbsorbed.
//
// The Town that waits looks from time to time. The Town with the oldest turn does
// not wait: it publishes, and takes the others along. If nothing happens, because
// its owner is gone, the next in the order takes over.
//
// A turn is a courtesy and grants nothing: Towns check it as they check what is
// published. At a host that accepts no turns, Towns repeat their attempts with
// growing pauses.
package turns
