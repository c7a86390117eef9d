package ledger

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"gastown/town"
)

// timeFormat is how times are stored: UTC, in microseconds.
const timeFormat = "2006-01-02 15:04:05.000000"

// column is one column of the table issues. Its name is the JSON key of the
// bead's field, except for extra.
type column struct {
	name string
	// get returns the value to store.
	get func(*town.Bead) any
	// into scans a stored value; NULL leaves the zero value.
	into func(*town.Bead) sql.Scanner
}

// columns are the columns of the table issues, in its order.
var columns = []column{
	textColumn("id", func(b *town.Bead) *string { return &b.ID }),
	textColumn("title", func(b *town.Bead) *string { return &b.Title }),
	textColumn("description", func(b *town.Bead) *string { return &b.Description }),
	textColumn("design", func(b *town.Bead) *string { return &b.Design }),
	textColumn("acceptance_criteria", func(b *town.Bead) *string { return &b.AcceptanceCriteria }),
	textColumn("notes", func(b *town.Bead) *string { return &b.Notes }),
	textColumn("status", func(b *town.Bead) *string { return (*string)(&b.Status) }),
	{"priority", func(b *town.Bead) any { return b.Priority }, func(b *town.Bead) sql.Scanner { return intTo{&b.Priority} }},
	textColumn("issue_type", func(b *town.Bead) *string { return (*string)(&b.Type) }),
	textColumn("assignee", func(b *town.Bead) *string { return &b.Assignee }),
	textColumn("owner", func(b *town.Bead) *string { return &b.Owner }),
	{"estimated_minutes", func(b *town.Bead) any {
		if b.EstimatedMinutes == nil {
			return nil
		}
		return *b.EstimatedMinutes
	}, func(b *town.Bead) sql.Scanner { return optIntTo{&b.EstimatedMinutes} }},
	timeColumn("created_at", func(b *town.Bead) *time.Time { return &b.CreatedAt }),
	textColumn("created_by", func(b *town.Bead) *string { return &b.CreatedBy }),
	timeColumn("updated_at", func(b *town.Bead) *time.Time { return &b.UpdatedAt }),
	optTimeColumn("closed_at", func(b *town.Bead) **time.Time { return &b.ClosedAt }),
	textColumn("close_reason", func(b *town.Bead) *string { return &b.CloseReason }),
	optTimeColumn("due_at", func(b *town.Bead) **time.Time { return &b.DueAt }),
	optTimeColumn("defer_until", func(b *town.Bead) **time.Time { return &b.DeferUntil }),
	textColumn("external_ref", func(b *town.Bead) *string { return &b.ExternalRef }),
	emptyColumn("spec_id", func(b *town.Bead) string { return b.SpecID }, func(b *town.Bead) sql.Scanner { return textTo{&b.SpecID} }),
	emptyColumn("metadata", func(b *town.Bead) string { return string(b.Metadata) }, func(b *town.Bead) sql.Scanner { return rawTo{&b.Metadata} }),
	flagColumn("ephemeral", func(b *town.Bead) *bool { return &b.Ephemeral }),
	flagColumn("is_template", func(b *town.Bead) *bool { return &b.Template }),
	flagColumn("pinned", func(b *town.Bead) *bool { return &b.Pinned }),
	// It comes last: what it has of the fields above counts; see promote.
	{"extra", func(b *town.Bead) any { return extraText(b.Extra) }, func(b *town.Bead) sql.Scanner { return extraTo{b} }},
}

// derived are the fields of a bead that are stored in other tables.
var derived = []string{
	"labels", "dependencies", "dependents", "comments", "parent", "dependency_count", "dependent_count", "comment_count",
}

// Fields are the JSON keys that a caller wants; nil means all. id is always
// included.
type Fields []string

// ParseFields reads names separated by commas. For an unknown name it returns a
// FieldError with the nearest known ones.
func ParseFields(list string) (Fields, error) {
	known := fieldNames()
	var f Fields
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(known, name) {
			return nil, unknownField(name, known)
		}
		f = append(f, name)
	}
	return f, nil
}

// FieldNames lists every name ParseFields accepts.
func FieldNames() []string { return fieldNames() }

func fieldNames() []string {
	var names []string
	for _, c := range columns {
		if c.name != "extra" {
			names = append(names, c.name)
		}
	}
	return append(names, derived...)
}

func unknownField(name string, known []string) error { return &FieldError{Name: name, Known: known} }

// FieldError reports a name that is not a field, or not allowed where it was
// used. It wraps ErrField.
type FieldError struct {
	Name string
	// Known are the names that are allowed there.
	Known []string
}

func (e *FieldError) Error() string {
	s := fmt.Sprintf("%v: %q", ErrField, town.Clip(e.Name, 40))
	if near := town.Nearest(e.Name, e.Known, 3); len(near) > 0 {
		s += "; nearest: " + strings.Join(near, ", ")
	}
	return s
}

func (e *FieldError) Unwrap() error { return ErrField }

func (f Fields) has(name string) bool { return f == nil || slices.Contains(f, name) }

func (f Fields) hasAny(names ...string) bool { return f == nil || slices.ContainsFunc(names, f.has) }

// columns are the wanted columns of the table issues.
func (f Fields) columns() []column {
	if f == nil {
		return columns
	}
	var want []column
	for _, c := range columns {
		if c.name == "id" || f.has(c.name) {
			want = append(want, c)
		}
	}
	return want
}

func names(prefix string, cols []column) string {
	list := make([]string, len(cols))
	for i, c := range cols {
		list[i] = prefix + c.name
	}
	return strings.Join(list, ", ")
}

func textColumn(name string, field func(*town.Bead) *string) column {
	return column{name, func(b *town.Bead) any { return *field(b) }, func(b *town.Bead) sql.Scanner { return textTo{field(b)} }}
}

func timeColumn(name string, field func(*town.Bead) *time.Time) column {
	return column{name, func(b *town.Bead) any { return stamp(*field(b)) }, func(b *town.Bead) sql.Scanner { return timeTo{field(b)} }}
}

func optTimeColumn(name string, field func(*town.Bead) **time.Time) column {
	return column{name, func(b *town.Bead) any {
		if t := *field(b); t != nil {
			return stamp(*t)
		}
		return nil
	}, func(b *town.Bead) sql.Scanner { return optTimeTo{field(b)} }}
}

// emptyColumn is a text column that is NULL where the text is empty.
func emptyColumn(name string, value func(*town.Bead) string, into func(*town.Bead) sql.Scanner) column {
	return column{name, func(b *town.Bead) any { return textOrNull(value(b)) }, into}
}

// flagColumn is a column that is 1 or NULL.
func flagColumn(name string, field func(*town.Bead) *bool) column {
	return column{name, func(b *town.Bead) any {
		if *field(b) {
			return 1
		}
		return nil
	}, func(b *town.Bead) sql.Scanner { return flagTo{field(b)} }}
}

func stamp(t time.Time) string { return t.UTC().Format(timeFormat) }

func extraText(extra map[string]json.RawMessage) string {
	if len(extra) == 0 {
		return ""
	}
	// The keys come out sorted, and Validate has made sure that every value is
	// valid JSON.
	text, _ := json.Marshal(extra)
	return string(text)
}
