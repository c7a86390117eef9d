package town

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Bead is one piece of work in the ledger: a task, a bug, an epic. The JSON
// keys are those scripts written for bd rely on; empty fields are left out.
//
// Times are UTC, with microseconds.
type Bead struct {
	ID                 string   `json:"id"`
	Title              string   `json:"title"`
	Description        string   `json:"description,omitempty"`
	Design             string   `json:"design,omitempty"`
	AcceptanceCriteria string   `json:"acceptance_criteria,omitempty"`
	Notes              string   `json:"notes,omitempty"`
	Status             Status   `json:"status,omitempty"`
	Priority           int      `json:"priority"` // 0 is the most urgent, 4 the least
	Type               BeadType `json:"issue_type,omitempty"`
	Assignee           string   `json:"assignee,omitempty"`
	Owner              string   `json:"owner,omitempty"`
	// EstimatedMinutes is nil when there is no estimate.
	EstimatedMinutes *int      `json:"estimated_minutes,omitempty"`
	CreatedAt        time.Time `json:"created_at"`
	CreatedBy        string    `json:"created_by,omitempty"`
	UpdatedAt        time.Time `json:"updated_at"`
	// ClosedAt is set exactly when Status is closed.
	ClosedAt    *time.Time `json:"closed_at,omitempty"`
	CloseReason string     `json:"close_reason,omitempty"`
	DueAt       *time.Time `json:"due_at,omitempty"`
	// DeferUntil hides the bead from ready work until then.
	DeferUntil  *time.Time `json:"defer_until,omitempty"`
	ExternalRef string     `json:"external_ref,omitempty"`
	// SpecID names the document that specifies the work.
	SpecID string `json:"spec_id,omitempty"`
	// Metadata are values that only other programs interpret: a JSON object. It is nil
	// where there are none.
	Metadata json.RawMessage `json:"metadata,omitempty"`
	// Ephemeral beads, templates and pinned ones are no work: they are never ready.
	Ephemeral bool `json:"ephemeral,omitempty"`
	Template  bool `json:"is_template,omitempty"`
	Pinned    bool `json:"pinned,omitempty"`

	// Labels are sorted and distinct.
	Labels []string `json:"labels,omitempty"`
	// Dependencies are what this bead depends on, sorted by target and type.
	Dependencies []Dependency `json:"dependencies,omitempty"`
	// Comments are oldest first.
	Comments []Comment `json:"comments,omitempty"`

	// Extra are fields of an imported bead that this program does not interpret. It
	// stores them and exports them again; by JSON key.
	Extra map[string]json.RawMessage `json:"-"`
}

// Dependency says that Bead depends on Target, or is otherwise linked to it.
type Dependency struct {
	Bead      string    `json:"issue_id"`
	Target    string    `json:"depends_on_id"`
	Type      DepType   `json:"type"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by,omitempty"`
	// Metadata is text that belongs to the link, in most cases a JSON object. Links
	// of the type DepWaitsFor have their gate there.
	Metadata string `json:"metadata,omitempty"`
	// Thread groups links of a conversation.
	Thread string `json:"thread_id,omitempty"`
}

// Comment is what somebody said about a bead.
type Comment struct {
	ID        string    `json:"id"`
	Bead      string    `json:"issue_id"`
	Author    string    `json:"author"`
	Text      string    `json:"text"`
	CreatedAt time.Time `json:"created_at"`
}

// AuditEntry is one line of a bead's audit trail.
type AuditEntry struct {
	ID    string    `json:"id"`
	Bead  string    `json:"issue_id"`
	Actor string    `json:"actor"`
	At    time.Time `json:"created_at"`
	// Kind says what happened: created, updated, closed, reopened, labeled,
	// unlabeled, linked, unlinked, commented, deleted, restored, imported.
	Kind string `json:"event_type"`
	// Field is the JSON key that changed; empty when the entry is about the
	// bead as a whole. Old and New are its values as text, long ones clipped:
	// the history of the database has them whole.
	Field string `json:"field,omitempty"`
	Old   string `json:"old_value,omitempty"`
	New   string `json:"new_value,omitempty"`
}

// Clone returns a copy that shares nothing with b.
func (b Bead) Clone() Bead {
	b.Labels = slices.Clone(b.Labels)
	b.Dependencies = slices.Clone(b.Dependencies)
	b.Comments = slices.Clone(b.Comments)
	b.Metadata = slices.Clone(b.Metadata)
	b.Extra = maps.Clone(b.Extra)
	b.EstimatedMinutes = clonePtr(b.EstimatedMinutes)
	b.ClosedAt = clonePtr(b.ClosedAt)
	b.DueAt = clonePtr(b.DueAt)
	b.DeferUntil = clonePtr(b.DeferUntil)
	return b
}

func clonePtr[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// Open reports whether the bead still awaits its end: everything but closed.
func (b Bead) Open() bool { return b.Status != StatusClosed }
