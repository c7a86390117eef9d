package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"gastown/planes/ledger"
	"gastown/town"
)

const (
	// maxRequest is the largest question that is sent, in bytes; package guard
	// takes no larger one.
	maxRequest = 60 << 10
	// maxIDs is how many beads one question names.
	maxIDs = 500
	// MaxTexts is how many bytes of text an answer may hold, and maxLedgerAnswer
	// how long it may then be.
	MaxTexts        = 4 << 20
	maxLedgerAnswer = 32 << 20
)

var (
	// ErrUnasked reports a read that is not for the Deacon: it has no bound, so
	// nothing of it would be kept, or it cannot be put into a question.
	ErrUnasked = errors.New("not a read the Deacon answers")
	// ErrTooLarge reports an answer beyond what is sent over the socket.
	ErrTooLarge = errors.New("the answer is too large for the Deacon's socket")
)

// The reads of the ledger.
const (
	ReadGet     = "get"
	ReadList    = "list"
	ReadReady   = "ready"
	ReadBlocked = "blocked"
	ReadStats   = "stats"
)

// Query is a read of the ledger.
type Query struct {
	// Read is one of the words above.
	Read string `json:"read"`
	// IDs and Fields are those of a get.
	IDs    []string      `json:"ids"`
	Fields ledger.Fields `json:"fields"`
	// Filter is that of a list.
	Filter ledger.Filter `json:"filter"`
}

// Validate reports, wrapping town.ErrUsage or ErrUnasked, why a query is not
// answered.
func (q Query) Validate() error {
	switch {
	case q.Read == ReadStats:
		return nil
	case q.Read == ReadGet:
		if len(q.IDs) > maxIDs {
			return fmt.Errorf("%w: %d beads, the limit is %d", ErrUnasked, len(q.IDs), maxIDs)
		}
		return nil
	case slices.Contains([]string{ReadList, ReadReady, ReadBlocked}, q.Read):
		if !q.Filter.Cacheable() || q.Filter.Offset < 0 {
			return fmt.Errorf("%w: it has no bound", ErrUnasked)
		}
		return nil
	}
	return fmt.Errorf("%w: %q is not a read", town.ErrUsage, town.Clip(q.Read, 20))
}

// Answer is what a Query has found: what its word asks for, the rest is empty.
type Answer struct {
	Details []ledger.Detail
	Items   []ledger.Item
	Waiting []ledger.Waiting
	Stats   *ledger.Stats
	// Queries is how many the database was asked for it; none when a cache
	// knew.
	Queries int64
}

// Fits reports, wrapping ErrTooLarge, whether an answer may be sent.
func (a Answer) Fits() error {
	texts := 0
	bead := func(b *town.Bead) {
		texts += len(b.Title) + len(b.Description) + len(b.Design) + len(b.AcceptanceCriteria) + len(b.Notes) + len(b.CloseReason)
		for _, c := range b.Comments {
			texts += len(c.Text)
		}
		for _, v := range b.Extra {
			texts += len(v)
		}
	}
	for i := range a.Details {
		d := &a.Details[i]
		bead(&d.Bead)
		for j := range d.Dependencies {
			bead(&d.Dependencies[j].Bead)
		}
		for j := range d.Dependents {
			bead(&d.Dependents[j].Bead)
		}
	}
	for i := range a.Items {
		bead(&a.Items[i].Bead)
	}
	for i := range a.Waiting {
		bead(&a.Waiting[i].Bead)
	}
	if texts > MaxTexts {
		return fmt.Errorf("%w: %d bytes of text, the limit is %d", ErrTooLarge, texts, MaxTexts)
	}
	return nil
}

// The types below are those of the ledger with every field on the wire: the
// keys that people see leave out what is empty, and some fields altogether. A
// conversion compiles only while the fields are the same, so none is forgotten.

type wireBead struct {
	ID                 string
	Title              string
	Description        string
	Design             string
	AcceptanceCriteria string
	Notes              string
	Status             town.Status
	Priority           int
	Type               town.BeadType
	Assignee           string
	Owner              string
	EstimatedMinutes   *int
	CreatedAt          time.Time
	CreatedBy          string
	UpdatedAt          time.Time
	ClosedAt           *time.Time
	CloseReason        string
	DueAt              *time.Time
	DeferUntil         *time.Time
	ExternalRef        string
	Labels             []string
	Dependencies       []town.Dependency
	Comments           []town.Comment
	Extra              map[string]json.RawMessage
}

type wireItem struct {
	Bead                    wireBead
	Needs, Needed, Comments int
}

type wireLinked struct {
	Bead     wireBead
	Type     town.DepType
	LinkedAt time.Time
	LinkedBy string
}

type wireDetail struct {
	Item                     wireItem
	Parent                   string
	Dependencies, Dependents []wireLinked
}

type wireWaiting struct {
	Item      wireItem
	BlockedBy []string
	Count     int
}

type wireAnswer struct {
	Details []wireDetail
	Items   []wireItem
	Waiting []wireWaiting
	Stats   *ledger.Stats
	Queries int64
}
