package ledger

import (
	"slices"
	"strings"

	"gastown/town"
)

// An import stores these values of a bead under keys of their own, and an
// export writes them back.
const (
	previouslyClosed = "previously_closed_at"
	originalStatus   = "original_status"
	originalType     = "original_type"
)

// noMetadata is what the public program writes for a link without metadata.
const noMetadata = "{}"

// tidy completes what an export leaves out, and sorts the lists.
func tidy(b *town.Bead) {
	b.Status, b.Type = or(b.Status, town.StatusOpen), or(b.Type, town.TypeTask)
	b.UpdatedAt = orTime(b.UpdatedAt, b.CreatedAt)
	b.CreatedAt = orTime(b.CreatedAt, b.UpdatedAt)
	if b.Status == town.StatusClosed && b.ClosedAt == nil {
		at := b.UpdatedAt
		b.ClosedAt = &at
	}
	if b.Status != town.StatusClosed && b.ClosedAt != nil {
		b.Extra = put(b.Extra, previouslyClosed, []byte(`"`+b.ClosedAt.UTC().Format("2006-01-02T15:04:05.999999Z07:00")+`"`))
		b.ClosedAt = nil
	}
	for i := range b.Dependencies {
		d := &b.Dependencies[i]
		d.Bead, d.Type, d.CreatedAt = b.ID, or(d.Type, town.DepBlocks), orTime(d.CreatedAt, b.CreatedAt)
		if d.Metadata == noMetadata {
			d.Metadata = ""
		}
	}
	at := &rows{at: b.UpdatedAt, actor: or(b.CreatedBy, "unknown")}
	for i := range b.Comments {
		c := &b.Comments[i]
		if numbered(c.ID) {
			c.ID = ""
		}
		at.completeComment(c, b.ID)
	}
	truncate(b)
	b.Comments = mergeComments(nil, b.Comments)
	arrange(b)
}

// arrange sorts the lists of a bead as they are stored.
func arrange(b *town.Bead) {
	slices.Sort(b.Labels)
	b.Labels = slices.Compact(b.Labels)
	slices.SortStableFunc(b.Dependencies, func(a, b town.Dependency) int { return strings.Compare(linkKey(a), linkKey(b)) })
	b.Dependencies = slices.CompactFunc(b.Dependencies, func(a, b town.Dependency) bool { return linkKey(a) == linkKey(b) })
	slices.SortStableFunc(b.Comments, func(a, b town.Comment) int { return strings.Compare(a.ID, b.ID) })
	b.Comments = slices.CompactFunc(b.Comments, func(a, b town.Comment) bool { return a.ID == b.ID })
}
