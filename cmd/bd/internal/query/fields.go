package query

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"gastown/cmd/bd/internal/flags"
	"gastown/planes/ledger"
	"gastown/town"
)

// condition is one comparison.
type condition struct {
	field, op, value string
	now              time.Time
}

// none is the word for a value that is missing.
const none = "none"

// fields are what can be compared, by name.
var fields = map[string]func(condition) (ledger.Filter, error){
	"status": equal(func(v string) (f ledger.Filter, err error) {
		s, err := town.StatusWord(v)
		f.Statuses = []town.Status{s}
		return f, err
	}),
	"type": equal(func(v string) (f ledger.Filter, err error) {
		t, err := town.TypeWord(v)
		f.Types = []town.BeadType{t}
		return f, err
	}),
	"priority": condition.priority,
	"assignee": equal(func(v string) (ledger.Filter, error) { return ledger.Filter{Assignees: []string{orNone(v)}}, nil }),
	"owner":    equal(func(v string) (ledger.Filter, error) { return ledger.Filter{Owners: []string{orNone(v)}}, nil }),
	"creator":  equal(func(v string) (ledger.Filter, error) { return ledger.Filter{CreatedBy: []string{orNone(v)}}, nil }),
	"label": equal(func(v string) (f ledger.Filter, err error) {
		if v = orNone(v); v == "" {
			f.NoLabels = true
			return f, nil
		}
		f.Labels = []string{v}
		return f, nil
	}),
	"title": equal(func(v string) (f ledger.Filter, err error) { f.Title = v; return f, nil }),
	"description": equal(func(v string) (f ledger.Filter, err error) {
		if f.Description = orNone(v); f.Description == "" {
			f.NoDescription = true
		}
		return f, nil
	}),
	"notes": equal(func(v string) (f ledger.Filter, err error) { f.Notes = v; return f, nil }),
	"id": equal(func(v string) (f ledger.Filter, err error) {
		if prefix, ok := strings.CutSuffix(v, "*"); ok {
			f.IDPrefix = prefix
			return f, nil
		}
		f.IDs = []string{v}
		return f, nil
	}),
	"parent": equal(func(v string) (f ledger.Filter, err error) {
		f.Parent = orNone(v)
		f.NoParent = f.Parent == ""
		return f, nil
	}),
	"spec":      equal(func(v string) (ledger.Filter, error) { return ledger.Filter{Spec: strings.TrimSuffix(v, "*")}, nil }),
	"pinned":    boolean(ledger.Filter{Details: ledger.Details{Pinned: true}}),
	"ephemeral": boolean(ledger.Filter{Ephemeral: &yes}),
	"has_metadata_key": equal(func(v string) (ledger.Filter, error) {
		return ledger.Filter{MetadataKeys: []string{v}}, ledger.CheckMetadataKey(v)
	}),
	"created": times(true, func(s ledger.Span) ledger.Filter { return ledger.Filter{Created: s} }),
	"updated": times(true, func(s ledger.Span) ledger.Filter { return ledger.Filter{Updated: s} }),
	"closed":  times(true, func(s ledger.Span) ledger.Filter { return ledger.Filter{Closed: s} }),
	"due":     times(false, func(s ledger.Span) ledger.Filter { return ledger.Filter{Due: s} }),
	"defer":   times(false, func(s ledger.Span) (f ledger.Filter) { f.DeferUntil = s; return f }),
}

// yes is what a mark that is set is compared with.
var yes = true

// metadataField begins the name of a value in the metadata.
const metadataField = "metadata."

// aliases are other names of fields.
var aliases = map[string]string{
	"labels": "label", "desc": "description", "created_at": "created", "updated_at": "updated", "closed_at": "closed", "due_at": "due",
	"defer_until": "defer", "spec_id": "spec", "issue_type": "type", "created_by": "creator",
}

// Fields lists the names of what can be compared.
func Fields() []string { return append(slices.Sorted(maps.Keys(fields)), metadataField+"KEY") }

// filter is the comparison as a filter.
func (c condition) filter() (ledger.Filter, error) {
	if name, ok := aliases[c.field]; ok {
		c.field = name
	}
	selects, ok := fields[c.field]
	if key, inside := strings.CutPrefix(c.field, metadataField); inside {
		selects, ok = equal(func(v string) (ledger.Filter, error) {
			return ledger.Filter{Metadata: map[string]string{key: v}}, ledger.CheckMetadataKey(key)
		}), true
	}
	if !ok {
		return ledger.Filter{}, fmt.Errorf("%w: query: no field %q; there are: %s", town.ErrUsage, town.Clip(c.field, 40),
			strings.Join(Fields(), ", "))
	}
	f, err := selects(c)
	if err != nil {
		err = fmt.Errorf("%w: query: %s: %w", town.ErrUsage, c.field, err)
	}
	return f, err
}

// orNone is "" for the word none.
func orNone(v string) string {
	if strings.EqualFold(v, none) || strings.EqualFold(v, "null") {
		return ""
	}
	return v
}

// equal makes the comparisons = and != of what a value selects.
func equal(selects func(string) (ledger.Filter, error)) func(condition) (ledger.Filter, error) {
	return func(c condition) (ledger.Filter, error) {
		f, err := selects(c.value)
		switch c.op {
		case "=":
			return f, err
		case "!=":
			return without(f), err
		}
		return f, fmt.Errorf("compare it with = or !=, not %s", c.op)
	}
}

// boolean compares with true and false.
func boolean(yes ledger.Filter) func(condition) (ledger.Filter, error) {
	return equal(func(v string) (ledger.Filter, error) {
		switch strings.ToLower(v) {
		case "true", "yes", "1":
			return yes, nil
		case "false", "no", "0":
			return without(yes), nil
		}
		return yes, fmt.Errorf("%q is neither true nor false", town.Clip(v, 40))
	})
}

func (c condition) priority() (f ledger.Filter, err error) {
	n, err := town.ParsePriority(c.value)
	for p := range town.MaxPriority + 1 {
		if map[string]bool{"=": p == n, "!=": p != n, "<": p < n, "<=": p <= n, ">": p > n, ">=": p >= n}[c.op] {
			f.Priorities = append(f.Priorities, p)
		}
	}
	if len(f.Priorities) == 0 {
		return without(ledger.Filter{}), err // there is no such priority
	}
	return f, err
}

// distance is a bare distance in time.
var distance = regexp.MustCompile(`^[0-9]+[hdw]$`)

// times compares a time. A bare distance such as 7d is in the past for a time that
// lies there, else in the future. Both = and <= mean the whole day.
func times(past bool, within func(ledger.Span) ledger.Filter) func(condition) (ledger.Filter, error) {
	return func(c condition) (ledger.Filter, error) {
		text := c.value
		if past && distance.MatchString(text) {
			text = "-" + text
		}
		t, err := flags.ParseDate(text, c.now)
		if err != nil {
			return ledger.Filter{}, err
		}
		day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
		switch next := day.AddDate(0, 0, 1); c.op {
		case "=":
			return within(ledger.Span{From: day, To: next}), nil
		case "!=":
			return without(within(ledger.Span{From: day, To: next})), nil
		case "<":
			return within(ledger.Span{To: t}), nil
		case "<=":
			return within(ledger.Span{To: next}), nil
		}
		return within(ledger.Span{From: t}), nil
	}
}
