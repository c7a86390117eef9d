package mirror

import (
	"context"
	"errors"
	"time"

	"gastown/town"
	"gastown/town/tracker"
)

// Rows are the rows of one plugin in the operational plane. Each call is one transaction.
type Rows interface {
	// Standing returns the plugin's standing; found is false before its first SetStanding.
	Standing(ctx context.Context) (st tracker.Standing, found bool, err error)
	SetStanding(ctx context.Context, st tracker.Standing) error
	// MarkDue notes news of beads: the link of each is due now. The value is the state of
	// a link that is made for it, Seen or Wanted; with "" none is made.
	MarkDue(ctx context.Context, beads map[string]tracker.State, now time.Time) error
	// MarkRefused makes all links due that wait for a person, and forgets refused comments.
	MarkRefused(ctx context.Context, now time.Time) error
	// Due returns links with something to do, those that wait longest first.
	Due(ctx context.Context, now time.Time, limit int) ([]tracker.Link, error)
	// Links returns all links, Pending those with something to do or a Reason.
	Links(ctx context.Context) ([]tracker.Link, error)
	Pending(ctx context.Context) ([]tracker.Link, error)
	// ByIssue returns the link of an issue.
	ByIssue(ctx context.Context, issue string) (l tracker.Link, found bool, err error)
	// Save stores a link and returns it as it is stored. It does nothing when another
	// process changed the row since l was read (tracker.Link.Version): then saved is
	// false. Next stays as it is when there were news (tracker.Link.Marks).
	Save(ctx context.Context, l tracker.Link) (_ tracker.Link, saved bool, err error)
	// Adopt stores a link of a bead for which nothing was asked yet.
	Adopt(ctx context.Context, l tracker.Link) error
	// Drop removes a link that has no issue, unless it was changed since l was read.
	Drop(ctx context.Context, l tracker.Link) error
	// Comments returns the states of the comments of a bead, by their ids.
	Comments(ctx context.Context, bead string) (map[string]tracker.Comment, error)
	// AskComment brings a comment into the state CommentAsked, unless it is not as it was
	// read any more: then won is false. before is what was read, or has only the id.
	AskComment(ctx context.Context, bead string, before tracker.Comment, now time.Time) (won bool, err error)
	SaveComment(ctx context.Context, bead string, c tracker.Comment) error
}

// Beads is what is needed of the ledger.
type Beads interface {
	// Get returns the beads of ids with their comments; those that do not exist are left out.
	Get(ctx context.Context, ids []string) (map[string]town.Bead, error)
	// Light is Get without texts and comments. Each calls fn for every bead like that.
	Light(ctx context.Context, ids []string) (map[string]town.Bead, error)
	Each(ctx context.Context, fn func(town.Bead) error) error
	// SetRef sets the external_ref of a bead that has none.
	SetRef(ctx context.Context, bead, ref string) error
	// ByRef returns the bead with an external_ref.
	ByRef(ctx context.Context, ref string) (bead string, found bool, err error)
	// Create makes a bead with the given id. An id that was ever taken is ErrTaken.
	Create(ctx context.Context, b town.Bead) error
	// Relate links a bead to another one, which holds nothing up. A link that is there, and a
	// bead that is gone, are no errors.
	Relate(ctx context.Context, bead, other string) error
}

// ErrTaken: there is or was a bead with that id.
var ErrTaken = errors.New("the id of the bead is taken")

// Events is the plugin's reader of the feed.
type Events interface {
	// Skip goes to the end of the feed.
	Skip(ctx context.Context) error
	Read(ctx context.Context, limit int) (News, error)
	Acknowledge(ctx context.Context, next int64) error
}

// News are events that were not acknowledged.
type News struct {
	// Beads are the beads they tell of; the value is whether one was made.
	Beads map[string]bool
	// Count is how many events there are, Next what acknowledges them.
	Count int
	Next  int64
	// Lost: events were removed before they were read, the last one read being of After.
	Lost  bool
	After time.Time
}
