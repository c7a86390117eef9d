package ledger

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gastown/town"
)

// Patch is a change of one bead; nil fields stay as they are. The JSON keys are
// those of the bead, so a batch file is an array of such objects.
type Patch struct {
	ID                 string         `json:"id"`
	Title              *string        `json:"title"`
	Description        *string        `json:"description"`
	Design             *string        `json:"design"`
	AcceptanceCriteria *string        `json:"acceptance_criteria"`
	Notes              *string        `json:"notes"`
	AppendNotes        *string        `json:"append_notes"` // on a line of its own
	Status             *town.Status   `json:"status"`
	Priority           *int           `json:"priority"`
	Type               *town.BeadType `json:"issue_type"`
	Assignee           *string        `json:"assignee"`
	Owner              *string        `json:"owner"`
	EstimatedMinutes   *int           `json:"estimated_minutes"` // negative: none
	CloseReason        *string        `json:"close_reason"`
	DueAt              *time.Time     `json:"due_at"` // the zero time: none
	// DeferUntil defers the bead; the zero time is none, and opens a deferred bead.
	DeferUntil  *time.Time `json:"defer_until"`
	ExternalRef *string    `json:"external_ref"`
	SpecID      *string    `json:"spec_id"`
	Ephemeral   *bool      `json:"ephemeral"`
	Template    *bool      `json:"is_template"`
	Pinned      *bool      `json:"pinned"`
	// Metadata replaces all metadata; {} is none. SetMetadata then gives keys a value,
	// which is JSON, and UnsetMetadata removes keys.
	Metadata      *json.RawMessage           `json:"metadata"`
	SetMetadata   map[string]json.RawMessage `json:"set_metadata"`
	UnsetMetadata []string                   `json:"unset_metadata"`
	// Labels replaces all labels; the other two change some.
	Labels       *[]string `json:"labels"`
	AddLabels    []string  `json:"add_labels"`
	RemoveLabels []string  `json:"remove_labels"`
	// Parent moves the bead below another; "" makes it a child of none.
	Parent *string `json:"parent"`
	// Claim assigns the bead to the Store's actor and starts it; a date until which it
	// was deferred goes. It fails with ErrTaken when somebody else has it, and with
	// ErrClosed.
	Claim bool `json:"claim"`
	// Unclaim is the inverse: it takes the assignee away, and opens a bead that was
	// started. It fails with ErrTaken when somebody else has it, unless with Force.
	Unclaim, Force bool `json:"-"`
	// IfAssignee ("" for nobody) and IfStatus make the patch fail with ErrDiffers when
	// the bead has another assignee or status.
	IfAssignee *string      `json:"if_assignee"`
	IfStatus   *town.Status `json:"if_status"`
	// IfUpdated makes the patch fail with ErrDiffers when the bead was changed since
	// it had this updated_at. The zero time is no condition.
	IfUpdated time.Time `json:"-"`

	// Guarded refuses, with ErrHeld, to close a bead that Change.Close would not close.
	Guarded bool `json:"-"`
	// Session is the session of an agent, which a bead that is closed keeps for other
	// programs.
	Session string `json:"-"`
	// UnlessClosed makes the patch fail with ErrClosed for a closed bead.
	UnlessClosed bool `json:"-"`

	// Line is where the patch was read, for errors; 0 for nowhere.
	Line int `json:"-"`

	// ifClosed skips beads that are not closed.
	ifClosed bool
}

// apply changes a bead and returns the links to remove and to add.
func (p Patch) apply(b *town.Bead, parent string, r *rows) (drop, add *town.Dependency, err error) {
	if err := p.condition(b); err != nil {
		return nil, nil, err
	}
	set(&b.Title, p.Title)
	set(&b.Description, p.Description)
	set(&b.Design, p.Design)
	set(&b.AcceptanceCriteria, p.AcceptanceCriteria)
	set(&b.Notes, p.Notes)
	if p.AppendNotes != nil {
		b.Notes = strings.TrimPrefix(strings.TrimSuffix(b.Notes, "\n")+"\n"+*p.AppendNotes, "\n")
	}
	set(&b.Priority, p.Priority)
	set(&b.Type, p.Type)
	set(&b.Assignee, p.Assignee)
	set(&b.Owner, p.Owner)
	set(&b.ExternalRef, p.ExternalRef)
	set(&b.SpecID, p.SpecID)
	set(&b.Ephemeral, p.Ephemeral)
	set(&b.Template, p.Template)
	set(&b.Pinned, p.Pinned)
	if err := p.describe(b); err != nil {
		return nil, nil, err
	}
	if p.EstimatedMinutes != nil {
		if b.EstimatedMinutes = p.EstimatedMinutes; *p.EstimatedMinutes < 0 {
			b.EstimatedMinutes = nil
		}
	}
	setTime(&b.DueAt, p.DueAt)
	setTime(&b.DeferUntil, p.DeferUntil)
	p.putAside(b, r)
	if err := p.take(b, r); err != nil {
		return nil, nil, err
	}
	if err := p.move(b, r); err != nil {
		return nil, nil, err
	}
	p.label(b)
	if p.Parent != nil && *p.Parent != parent {
		if parent != "" {
			drop = &town.Dependency{Bead: b.ID, Target: parent, Type: town.DepParent}
		}
		if *p.Parent != "" {
			add = &town.Dependency{Bead: b.ID, Target: *p.Parent, Type: town.DepParent, CreatedAt: r.at, CreatedBy: r.actor}
		}
	}
	return drop, add, nil
}

// condition refuses a bead that is not as the patch expects it.
func (p Patch) condition(b *town.Bead) error {
	switch {
	case p.UnlessClosed && !b.Open():
		return ErrClosed
	case p.IfAssignee != nil && *p.IfAssignee != b.Assignee:
		return fmt.Errorf("%w: its assignee is %s, not %s", ErrDiffers, or(b.Assignee, "nobody"), or(town.Clip(*p.IfAssignee, 80), "nobody"))
	case p.IfStatus != nil && *p.IfStatus != b.Status:
		return fmt.Errorf("%w: its status is %s, not %s", ErrDiffers, b.Status, *p.IfStatus)
	case !p.IfUpdated.IsZero() && !p.IfUpdated.Equal(b.UpdatedAt):
		return fmt.Errorf("%w: it was changed at %s", ErrDiffers, b.UpdatedAt.Format(time.RFC3339Nano))
	}
	return nil
}

// take claims the bead, or gives it back.
func (p Patch) take(b *town.Bead, r *rows) error {
	switch {
	case !p.Claim && !p.Unclaim:
		return nil
	case !b.Open():
		return ErrClosed
	case p.Claim && p.Assignee != nil && *p.Assignee != r.actor:
		return fmt.Errorf("%w: a claim is by %s, who makes it, and not for %s: leave one of the two out",
			town.ErrUsage, r.actor, or(town.Clip(*p.Assignee, 80), "nobody"))
	case b.Assignee != "" && b.Assignee != r.actor && !(p.Unclaim && p.Force):
		return fmt.Errorf("%w by %s", ErrTaken, b.Assignee)
	case p.Claim:
		b.Assignee, b.Status = r.actor, town.StatusInProgress
		if b.DeferUntil != nil && b.DeferUntil.After(r.at) && p.DeferUntil == nil {
			b.DeferUntil = nil
		}
		return nil
	}
	if b.Assignee = ""; b.Status == town.StatusInProgress || b.Status == town.StatusHooked {
		b.Status = town.StatusOpen
	}
	return nil
}

// putAside sets the status that a new defer_until implies, unless the patch sets one. A
// date in the past defers nothing; a bead that is deferred anew loses it.
func (p Patch) putAside(b *town.Bead, r *rows) {
	switch {
	case p.DeferUntil == nil && p.Status != nil && *p.Status == town.StatusDeferred:
		if b.DeferUntil != nil && !b.DeferUntil.After(r.at) {
			b.DeferUntil = nil
		}
	case p.DeferUntil == nil || p.Status != nil:
	case p.DeferUntil.IsZero() && b.Status == town.StatusDeferred:
		b.Status = town.StatusOpen
	case p.DeferUntil.After(r.at) && b.Status != town.StatusClosed:
		b.Status = town.StatusDeferred
	}
}

// move sets the status, and closed_at and close_reason to match it.
func (p Patch) move(b *town.Bead, r *rows) error {
	if p.ifClosed && b.Status != town.StatusClosed {
		return nil
	}
	set(&b.Status, p.Status)
	if p.Session != "" && b.Status == town.StatusClosed {
		text, _ := json.Marshal(p.Session) // a string: never fails
		b.Extra = put(b.Extra, closedBySession, text)
	}
	if p.CloseReason != nil && *p.CloseReason != "" && b.Status != town.StatusClosed {
		return fmt.Errorf("%w: close_reason of a bead that is %s", town.ErrBadBead, b.Status)
	}
	switch {
	case b.Status != town.StatusClosed:
		b.ClosedAt, b.CloseReason = nil, ""
	case b.ClosedAt == nil:
		b.ClosedAt = &r.at
	}
	if b.Status == town.StatusClosed {
		set(&b.CloseReason, p.CloseReason)
	}
	return nil
}

// describe changes the metadata.
func (p Patch) describe(b *town.Bead) error {
	if p.Metadata != nil {
		object, ok := objectOf(*p.Metadata)
		if !ok {
			return fmt.Errorf("%w: metadata is not a JSON object", town.ErrBadBead)
		}
		b.Metadata = object
	}
	if len(p.SetMetadata)+len(p.UnsetMetadata) == 0 {
		return nil
	}
	all := map[string]json.RawMessage{}
	if len(b.Metadata) > 0 {
		if err := json.Unmarshal(b.Metadata, &all); err != nil {
			return fmt.Errorf("%w: metadata: %w", town.ErrBadBead, err)
		}
	}
	maps.Copy(all, p.SetMetadata)
	for _, key := range p.UnsetMetadata {
		delete(all, key)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("%w: metadata: %w", town.ErrBadBead, err)
	}
	b.Metadata, _ = objectOf(text)
	return nil
}

func (p Patch) label(b *town.Bead) {
	labels := slices.Clone(b.Labels)
	if p.Labels != nil {
		labels = slices.Clone(*p.Labels)
	}
	labels = append(labels, p.AddLabels...)
	labels = slices.DeleteFunc(labels, func(l string) bool { return slices.Contains(p.RemoveLabels, l) })
	slices.Sort(labels)
	b.Labels = slices.Compact(labels)
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func setTime(to **time.Time, from *time.Time) {
	switch {
	case from == nil:
	case from.IsZero():
		*to = nil
	default:
		t := *from
		*to = &t
	}
}
