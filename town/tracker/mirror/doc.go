// Package mirror creates issues for beads at a tracker, updates them when the beads change,
// and imports issues as beads.
//
// Each bead has a row, the link to its issue. An event of the feed only marks the row of
// its bead as due; then the feed is acknowledged. The row also says what was sent last. So
// a pass compares and sends the difference, and a second pass sends nothing. When the feed
// lost events, the rows of all beads are marked.
//
// A bead gets one issue. Before the request to create it, the row is put into the state
// "asked", in which only one process succeeds. A later pass that finds that state does not
// know the outcome, and looks for the issue by its mark. A tracker may find its own issues
// late, and the request may still be under way. So a second request follows only when the
// issue is still not found after Options.Settle. Comments are sent in the same way.
//
// When the tracker refuses a request, the row holds the reason, and the other beads go on.
// A text that seems to contain a secret is not sent.
package mirror
