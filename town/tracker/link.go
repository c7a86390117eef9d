package tracker

import "time"

// State says how far a bead has come at a tracker.
type State string

// The states of a Link.
const (
	// Seen: something happened to the bead. An issue is made if the bead is open.
	Seen State = "seen"
	// Wanted: an issue is to be made, also when the bead is closed by now.
	Wanted State = "wanted"
	// Asked: the tracker was asked to make an issue, and the outcome is not known.
	Asked State = "asked"
	// Linked: there is an issue.
	Linked State = "linked"
)

// Link is the link from a bead to its issue at a plugin's tracker. It is a row of the
// operational plane.
type Link struct {
	Plugin string `json:"plugin"`
	Bead   string `json:"bead"`
	State  State  `json:"state"`
	// Issue is the tracker's id of the issue, URL its page; "" while there is none.
	Issue string `json:"issue,omitempty"`
	URL   string `json:"url,omitempty"`
	// Theirs: the issue was there first, and the bead was made of it. Its title and its
	// text are not changed.
	Theirs bool `json:"theirs,omitempty"`
	// Sent is the digest of the text that was sent last; Closed whether the issue was
	// closed last.
	Sent   string `json:"sent,omitempty"`
	Closed bool   `json:"closed,omitempty"`
	// Asked is when the tracker was asked to make the issue.
	Asked time.Time `json:"asked,omitzero"`
	// Reason is why something could not be sent. With Next it is tried again, without it
	// when the bead changes or a person asks for it.
	Reason   string `json:"reason,omitempty"`
	Attempts int    `json:"attempts,omitempty"`
	// Next is when there is something to do; the zero time means that there is nothing.
	Next time.Time `json:"next,omitzero"`
	// Marks counts how often the bead was marked as changed. Save leaves Next alone when
	// the bead was marked after the link was read.
	Marks int64 `json:"-"`
	// Version counts the changes of the row, to detect changes by another process.
	Version int64     `json:"-"`
	Changed time.Time `json:"changed"`
}

// Refused reports whether something was refused and is not tried again by itself.
func (l Link) Refused() bool { return l.Reason != "" && l.Next.IsZero() }

// CommentState says how far a comment has come.
type CommentState string

// The states of a Comment.
const (
	// CommentAsked: the tracker was asked to add it, and the outcome is not known.
	CommentAsked CommentState = "asked"
	CommentSent  CommentState = "sent"
	// CommentRefused: the tracker, or the search for secrets, refused it for good.
	CommentRefused CommentState = "refused"
)

// Comment is the state of a bead's comment at the tracker. It is a row of the operational
// plane.
type Comment struct {
	ID    string
	State CommentState
	Asked time.Time
}

// Standing is the state of a plugin's exchange with its tracker. It is a row of the
// operational plane.
type Standing struct {
	// Began is when it was first run: beads that were closed before get no issue.
	Began time.Time
	// Until is when the tracker may be asked again, and Reason why not before.
	Until  time.Time
	Reason string
}
