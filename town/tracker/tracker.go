// Package tracker defines what the Town needs of an external issue tracker, such as Jira
// or GitHub Issues, and has what the clients share. Each client is a package below this
// one; tracker/mirror decides what is sent and when.
//
// Creating an issue or a comment is the one request that must not be repeated blindly. So
// each carries a Mark, which is derived from the ledger and the bead. When the outcome of a
// creation is unknown, because a process ended or an answer was lost, Find looks for the
// mark first.
//
// A tracker's answers are hostile: they are bounded in size and time, their texts lose
// control characters, and credentials go to no other address. Nothing here retries: a
// *LaterError says when to try again, and the other errors need a person.
package tracker

import (
	"context"
	"strings"
	"time"

	"gastown/town"
)

// Limits of texts, in bytes. They are below those of every tracker.
const (
	MaxTitle   = 240
	MaxBody    = 30_000
	MaxComment = 20_000
	// MaxImport is how many issues one search yields.
	MaxImport = 1000
)

// Tracker is a place at an issue tracker where issues are made: a project, a repository,
// a team. Its methods may be called concurrently. Ids of issues are the tracker's.
type Tracker interface {
	// String names the place for people.
	String() string
	// Owns reports whether an external_ref is the address of an issue there.
	Owns(ref string) bool
	// Create makes an issue with the mark. After an error other than ErrRefused,
	// the issue may exist.
	Create(ctx context.Context, mark Mark, d Draft) (Issue, error)
	// Find looks for an issue that has the mark and was made at since or later. Of several it
	// returns the oldest, because others can copy a mark only from an issue that has it. A
	// tracker may not find an issue until some time after it was made.
	Find(ctx context.Context, mark Mark, since time.Time) (found Issue, ok bool, err error)
	// Update replaces title and text of an issue.
	Update(ctx context.Context, id string, mark Mark, d Draft) error
	// Close and Reopen change the state of an issue; one that has that state stays as it is.
	Close(ctx context.Context, id string) error
	Reopen(ctx context.Context, id string) error
	Commenter
	Searcher
}

// Commenter comments on issues.
type Commenter interface {
	// Comment adds a comment with the mark. After an error other than ErrRefused it
	// may exist.
	Comment(ctx context.Context, id string, mark Mark, text string) error
	// Commented reports whether an issue has a comment with the mark.
	Commented(ctx context.Context, id string, mark Mark) (bool, error)
}

// Searcher finds issues to import.
type Searcher interface {
	// Search returns the issues that the tracker finds for a query in its own language,
	// at most limit.
	Search(ctx context.Context, query string, limit int) ([]Issue, error)
}

// Draft is what is sent of a bead. Texts are within the limits and in Markdown.
type Draft struct{ Title, Body string }

// Issue is an issue as a tracker describes it.
type Issue struct {
	// ID names it in requests, Key for people, such as GT-7 or #12. URL is its page.
	ID, Key, URL string
	Title, Body  string
	Closed       bool
	Labels       []string
	// Mark is its mark; "" for one that the Town did not make.
	Mark Mark
}

// Checked returns an issue of a tracker with its texts bounded and without control
// characters. ok is false when it cannot be used: it has no id or no title.
func (i Issue) Checked() (_ Issue, ok bool) {
	i.ID, i.Key, i.URL = Line(i.ID, 128), Line(i.Key, 128), webAddress(i.URL)
	i.Title, i.Body = Line(i.Title, MaxTitle), Text(i.Body, MaxBody)
	if len(i.Labels) > 50 {
		i.Labels = i.Labels[:50]
	}
	return i, i.ID != "" && i.Title != ""
}

// Mark tells an issue or a comment that the Town made from all others. It consists of
// letters, digits, dashes and dots.
type Mark string

// markPrefix begins every mark.
const markPrefix = "gt-"

// MarkOf is the mark of what is made of a bead, or of a comment, of a ledger. A person who
// knows marks of a ledger cannot tell those of others.
func MarkOf(ledger, bead, comment string) Mark {
	digest := string(town.DigestOf("tracker", ledger, bead, comment))
	return Mark(markPrefix + bead + "-" + digest[:20])
}

// ID is a UUID that stands for a mark in one place of a tracker, in the form of version 4.
// Trackers that let a client choose an id thus refuse a second issue with the mark.
func (m Mark) ID(place string) string {
	d := []byte(string(town.DigestOf("id", place, string(m)))[:32])
	d[12] = '4'
	d[16] = "89ab"[d[16]%4]
	return string(d[:8]) + "-" + string(d[8:12]) + "-" + string(d[12:16]) + "-" + string(d[16:20]) + "-" + string(d[20:])
}

// IsMark reports whether a word has the form of a mark.
func IsMark(word string) bool {
	i := strings.LastIndexByte(word, '-')
	if i < len(markPrefix) || !strings.HasPrefix(word, markPrefix) || len(word) > 200 || len(word)-i-1 != 20 {
		return false
	}
	return strings.Trim(word[i+1:], "0123456789abcdef") == "" && !strings.ContainsAny(word, " \t\n\"'<>&\\")
}
