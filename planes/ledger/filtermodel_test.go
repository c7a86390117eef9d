package ledger

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"gastown/town"
)

// match is the filter without a database: it reports whether the filter selects
// a bead. Order and limits are ignored.
func (f Filter) match(b town.Bead, now time.Time) bool {
	has := func(l string) bool { return slices.Contains(b.Labels, l) }
	return among(f.IDs, b.ID) && among(f.Statuses, b.Status) && !slices.Contains(f.Not, b.Status) &&
		among(f.Types, b.Type) && !slices.Contains(f.NotTypes, b.Type) && among(f.Assignees, b.Assignee) &&
		among(f.Owners, b.Owner) && among(f.CreatedBy, b.CreatedBy) && among(f.Priorities, b.Priority) &&
		!slices.ContainsFunc(f.Labels, func(l string) bool { return !has(l) }) &&
		(len(f.AnyLabels) == 0 || slices.ContainsFunc(f.AnyLabels, has)) && !slices.ContainsFunc(f.NotLabels, has) &&
		f.matchID(b) && f.matchText(b) &&
		f.Created.holds(&b.CreatedAt) && f.Updated.holds(&b.UpdatedAt) && f.Closed.holds(b.ClosedAt) && f.Due.holds(b.DueAt) &&
		(!f.Overdue || b.DueAt != nil && b.DueAt.Before(now) && b.Open()) && f.Details.match(b) && f.matchMetadata(b) && f.matchParts(b, now)
}

// match compares what is in Details.
func (d Details) match(b town.Bead) bool {
	child := slices.ContainsFunc(b.Dependencies, func(l town.Dependency) bool { return l.Bead == b.ID && l.Type == town.DepParent })
	return contains(b.Title, d.Title) && contains(b.Description, d.Description) && contains(b.Notes, d.Notes) &&
		contains(b.ExternalRef, d.Reference) && (d.ExternalRef == "" || b.ExternalRef == d.ExternalRef) && (!d.NoDescription || b.Description == "") &&
		(!d.NoLabels || len(b.Labels) == 0) && (!d.NoParent || !child) &&
		strings.HasPrefix(b.ID, d.IDPrefix) && (!d.Deferred || b.Status == town.StatusDeferred || b.DeferUntil != nil) && d.DeferUntil.holds(b.DeferUntil) &&
		(!d.Pinned || b.Pinned || b.Status == town.StatusPinned) && (!d.NotPinned || !b.Pinned && b.Status != town.StatusPinned)
}

// matchMetadata compares metadata, spec_id and ephemeral.
func (f Filter) matchMetadata(b town.Bead) bool {
	var has map[string]any
	if len(b.Metadata) > 0 && json.Unmarshal(b.Metadata, &has) != nil {
		return false
	}
	for key, want := range f.Metadata {
		if got, ok := has[key]; !ok || fmt.Sprint(got) != want {
			return false
		}
	}
	return !slices.ContainsFunc(f.MetadataKeys, func(key string) bool { return !keyOf(has, key) }) && strings.HasPrefix(b.SpecID, f.Spec) &&
		(f.Ephemeral == nil || *f.Ephemeral == b.Ephemeral)
}

func keyOf(m map[string]any, key string) bool {
	_, ok := m[key]
	return ok
}

// contains ignores case.
func contains(s, text string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(text))
}

func (f Filter) matchParts(b town.Bead, now time.Time) bool {
	matches := func(part Filter) bool { return part.match(b, now) }
	return !slices.ContainsFunc(f.All, func(part Filter) bool { return !matches(part) }) &&
		(len(f.Any) == 0 || slices.ContainsFunc(f.Any, matches)) && !slices.ContainsFunc(f.None, matches)
}

// among reports whether a value is one of a list; of an empty list every one is.
func among[T comparable](list []T, v T) bool { return len(list) == 0 || slices.Contains(list, v) }

// matchID compares the rig's prefix and the parent.
func (f Filter) matchID(b town.Bead) bool {
	return among(f.Prefixes, b.ID[:max(strings.LastIndexByte(b.ID, '-'), 0)]) && (f.Parent == "" || slices.ContainsFunc(b.Dependencies, func(d town.Dependency) bool {
		return d.Bead == b.ID && d.Target == f.Parent && d.Type == town.DepParent
	}))
}

func (f Filter) matchText(b town.Bead) bool {
	text := strings.ToLower(f.Text)
	return slices.ContainsFunc([]string{b.ID, b.Title, b.Description}, func(s string) bool {
		return strings.Contains(strings.ToLower(s), text)
	})
}

// holds reports whether a time is in the span. No time is only in a span
// without bounds.
func (s Span) holds(at *time.Time) bool {
	if s == (Span{}) {
		return true
	}
	return at != nil && (s.From.IsZero() || !at.Before(s.From)) && (s.To.IsZero() || at.Before(s.To))
}
