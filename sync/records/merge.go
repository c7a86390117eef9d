package records

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gastown/planes/ledger"
	"gastown/sync/share"
	"gastown/town"
)

// publishedRecord is a record of this Town as the remote holds it.
type publishedRecord struct {
	share.Record
	// former are its earlier states, the newest first.
	former []share.Record
	// selected is what the rules select from the bead here; its Values are nil where
	// no rule selects it.
	selected share.Record
}

// neverTaken are fields that a merge does not change in a bead that exists: they
// follow from others, or never change.
var neverTaken = []string{"updated_at", "created_at", "created_by", "closed_at"}

// adopted is the bead that the ledger shall hold of a record that this Town published
// and that the ledger may have lost; nil when the ledger knows that state of the
// record.
//
// A bead that the ledger never had is made from the record. If it had one, but never
// in that state, each field that was changed there is taken, unless it was changed
// here too. Then the later change stands, and a comment has the other.
func (p publishedRecord) adopted(h ledger.Held, now time.Time) (*ledger.Taken, error) {
	switch {
	case !p.unknown(h):
		return nil, nil
	case h.Bead == nil:
		return p.bead()
	}
	at := p.updated()
	var base *share.Record
	for i, r := range p.former {
		if when := timeOf(r); !when.IsZero() && slices.ContainsFunc(h.Updated, when.Equal) {
			base = &p.former[i]
			break
		}
	}
	b, later := *h.Bead, at.After(h.Bead.UpdatedAt)
	var lost []string
	kept, took := false, false
	for _, f := range share.Fields {
		theirs := p.Values[f.Name]
		if slices.Contains(neverTaken, f.Name) || theirs == "" {
			continue // what the rules do not share looks like an empty value
		}
		ours, shown := f.Get(b), f.Get(b)
		if p.selected.Values != nil {
			shown = p.selected.Values[f.Name]
		}
		was := ""
		if base != nil {
			was = base.Values[f.Name]
		}
		changed := base == nil || shown != was
		switch {
		case theirs == ours || theirs == shown || base != nil && theirs == was:
			kept = kept || theirs != shown
		case f.Name == "labels":
			if err := mergeLabels(&b, theirs, was); err != nil {
				return nil, err
			}
			took = true
		case strings.Contains(theirs, share.Redacted):
			lost, kept = append(lost, f.Name+": "+theirs), true
		case !changed || later:
			if ours != "" && changed {
				lost = append(lost, f.Name+": "+ours)
			}
			if err := f.Put(&b, theirs); err != nil {
				return nil, err
			}
			took = true
		default:
			lost, kept = append(lost, f.Name+": "+theirs), true
		}
	}
	if !took && len(lost) == 0 {
		return nil, nil
	}
	b.UpdatedAt = at
	if kept || !later {
		b.UpdatedAt = now
	}
	settleStatus(&b, p.Record)
	if len(lost) > 0 {
		b.Comments = append(slices.Clone(b.Comments), town.Comment{Bead: b.ID, Author: "gt", CreatedAt: now,
			Text: "This bead was changed here and in a state of this Town that was lost and came back. The other values were:\n\n" + strings.Join(lost, "\n\n")})
	}
	return &ledger.Taken{Bead: b, State: at}, nil
}

// unknown reports that the ledger never had the record in this state.
func (p publishedRecord) unknown(h ledger.Held) bool {
	if h.Deleted || h.Bead == nil {
		return !h.Deleted
	}
	at := p.updated()
	return !at.IsZero() && !slices.ContainsFunc(h.Updated, at.Equal)
}

// updated is when the record was updated; zero when the rules do not share it.
func (p publishedRecord) updated() time.Time { return timeOf(p.Record) }

func timeOf(r share.Record) time.Time {
	b, _ := share.Record{Values: map[string]string{"updated_at": r.Values["updated_at"]}}.Bead()
	return b.UpdatedAt
}

// bead is a bead made from the record alone. What the rules did not share is lost.
func (p publishedRecord) bead() (*ledger.Taken, error) {
	b, _ := p.Bead()
	if strings.TrimSpace(b.Title) == "" {
		b.Title = p.ID
	}
	if p.Values["priority"] == "" {
		b.Priority = defaultPriority
	}
	if b.UpdatedAt.IsZero() && b.CreatedAt.IsZero() {
		b.CreatedAt = time.Now().UTC().Truncate(time.Microsecond)
	}
	if b.Status == "" && b.ClosedAt != nil {
		b.Status = town.StatusClosed
	}
	settleStatus(&b, p.Record)
	if err := b.Validate(); err != nil && b.Type != "" && b.Status != "" && !b.CreatedAt.IsZero() && !b.UpdatedAt.IsZero() {
		return nil, fmt.Errorf("record %s of this Town: %w", p.ID, err)
	}
	return &ledger.Taken{Bead: b}, nil
}

// defaultPriority is that of a bead of which no priority is known.
const defaultPriority = 2

// settleStatus gives a closed bead a time when it was closed, and takes it from
// others.
func settleStatus(b *town.Bead, r share.Record) {
	switch {
	case b.Status != town.StatusClosed:
		b.ClosedAt = nil
	case b.ClosedAt == nil:
		there, _ := r.Bead()
		if b.ClosedAt = there.ClosedAt; b.ClosedAt == nil {
			at := b.UpdatedAt
			b.ClosedAt = &at
		}
	}
}

// mergeLabels adds the labels that were added there and removes those that were
// removed there. was are the labels before; "" for unknown.
func mergeLabels(b *town.Bead, theirs, was string) error {
	labels := func(text string) ([]string, error) {
		var of town.Bead
		err := labelsField.Put(&of, text)
		return of.Labels, err
	}
	there, err := labels(theirs)
	if err != nil {
		return err
	}
	before, err := labels(was)
	if err != nil {
		return err
	}
	merged := slices.Concat(b.Labels, there)
	merged = slices.DeleteFunc(merged, func(l string) bool { return slices.Contains(before, l) && !slices.Contains(there, l) })
	slices.Sort(merged)
	b.Labels = slices.Compact(merged)
	return nil
}

var labelsField = share.Fields[slices.IndexFunc(share.Fields, func(f share.Field) bool { return f.Name == "labels" })]
