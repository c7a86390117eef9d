// Package mirror makes issues of beads at a tracker, keeps them as the beads are, and makes
// beads of issues.
//
// What is to be done stands in rows. Events of the feed only mark the rows of the beads
// they tell of; then the feed is acknowledged. A row says what was sent last, so a pass
// compares and sends the difference, and doing it twice sends nothing. When the feed lost
// events, the rows of all beads are marked.
//
// There is one issue for one bead. Before the request the row says that it was asked; only
// one process gets it into that state. A row that is found in it has an unknown outcome:
// the issue is looked for by its mark. A tracker may learn of its own issues late, and the
// request may still be under way, so a new request follows only when the issue is still
// not found after Options.Settle. Comments are sent in the same way.
//
// What the tracker refuses stands in the row with its reason, and the other beads go on.
// What looks like a secret does not leave.
package mirror
