package share

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gastown/town"
)

// FieldID names a bead. It leaves with every shared bead.
const FieldID = "id"

// Default are the fields of a rule that names none.
var Default = []string{FieldID, "title", "status", "issue_type", "priority", "updated_at"}

// Redacted stands in the place of what a rule cuts out.
const Redacted = "[redacted]"

// timeFormat is the form of times in a record: UTC, to the microsecond.
const timeFormat = "2006-01-02T15:04:05.000000Z"

// maxLabels bounds the labels of one record, in bytes of JSON.
const maxLabels = 64 << 10

// Field is a field of a bead that a rule may share. Values are text; "" means no
// value.
type Field struct {
	// Name is the JSON key and the name of the column.
	Name string
	// Max bounds a value, in bytes.
	Max int

	free  bool // written by people: redacted, and searched for secrets
	lines bool // may have line breaks and tabs
	get   func(town.Bead) string
	put   func(*town.Bead, string) error
}

// Fields are the fields that may leave beside the id, in the order of columns.
// Dependencies, comments and events never leave, and no ephemeral bead does.
var Fields = []Field{
	text("title", town.MaxTitleChars*utf8.UTFMax, func(b *town.Bead) *string { return &b.Title }),
	word("status", 32, func(b *town.Bead) *string { return (*string)(&b.Status) }),
	word("issue_type", 64, func(b *town.Bead) *string { return (*string)(&b.Type) }),
	{Name: "priority", Max: 1, get: func(b town.Bead) string { return strconv.Itoa(b.Priority) }, put: putPriority},
	moment("updated_at", func(b *town.Bead) *time.Time { return &b.UpdatedAt }),
	moment("created_at", func(b *town.Bead) *time.Time { return &b.CreatedAt }),
	optional("closed_at", func(b *town.Bead) **time.Time { return &b.ClosedAt }),
	optional("due_at", func(b *town.Bead) **time.Time { return &b.DueAt }),
	long("description", func(b *town.Bead) *string { return &b.Description }),
	long("design", func(b *town.Bead) *string { return &b.Design }),
	long("acceptance_criteria", func(b *town.Bead) *string { return &b.AcceptanceCriteria }),
	long("notes", func(b *town.Bead) *string { return &b.Notes }),
	long("close_reason", func(b *town.Bead) *string { return &b.CloseReason }),
	text("assignee", town.MaxNameBytes, func(b *town.Bead) *string { return &b.Assignee }),
	text("owner", town.MaxNameBytes, func(b *town.Bead) *string { return &b.Owner }),
	text("created_by", town.MaxNameBytes, func(b *town.Bead) *string { return &b.CreatedBy }),
	text("external_ref", town.MaxNameBytes, func(b *town.Bead) *string { return &b.ExternalRef }),
	{Name: "labels", Max: maxLabels, free: true, get: func(b town.Bead) string { return labelsText(b.Labels) }, put: putLabels},
}

// ParseField accepts a field's JSON key, and "type" for issue_type.
func ParseField(name string) (string, error) {
	name = strings.ToLower(strings.TrimSpace(name))
	if name == "type" {
		name = "issue_type"
	}
	if name == FieldID {
		return name, nil
	}
	known := []string{FieldID}
	for _, f := range Fields {
		if f.Name == name {
			return name, nil
		}
		known = append(known, f.Name)
	}
	err := fmt.Errorf("%w: there is no field %q to share", ErrRule, town.Clip(name, 40))
	if near := town.Nearest(name, known, 3); len(near) > 0 {
		err = fmt.Errorf("%w; nearest: %s", err, strings.Join(near, ", "))
	}
	return "", err
}

func field(name string) (Field, bool) {
	i := slices.IndexFunc(Fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return Fields[i], true
}

// Check refuses a value that the field may not hold, in records of any Town: one
// that is too long, is not UTF-8, has control characters, or is of another kind.
// The error names the field, never the value.
func (f Field) Check(value string) error {
	if len(value) > f.Max {
		return fmt.Errorf("%w: %s has %d bytes, the limit is %d", ErrValue, f.Name, len(value), f.Max)
	}
	if !utf8.ValidString(value) {
		return fmt.Errorf("%w: %s is not UTF-8", ErrValue, f.Name)
	}
	if strings.ContainsFunc(value, func(r rune) bool { return !f.printable(r) }) {
		return fmt.Errorf("%w: %s has control characters", ErrValue, f.Name)
	}
	var b town.Bead
	if err := f.put(&b, value); err != nil {
		return fmt.Errorf("%w: %s is %w", ErrValue, f.Name, err)
	}
	if value != "" && f.get(b) != value {
		return fmt.Errorf("%w: %s is not written as it should be", ErrValue, f.Name)
	}
	return nil
}

// Get is the bead's value of the field, as text.
func (f Field) Get(b town.Bead) string { return f.get(b) }

// Put gives the bead a value that passed Check.
func (f Field) Put(b *town.Bead, value string) error { return f.put(b, value) }

// printable reports whether the field may hold a character. Characters that
// control a terminal or change the direction of writing may not stand in it.
func (f Field) printable(r rune) bool {
	switch {
	case r == '\n' || r == '\r' || r == '\t':
		return f.lines
	case r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
		return false
	}
	return !unicode.IsControl(r)
}

func text(name string, most int, at func(*town.Bead) *string) Field {
	return Field{
		Name: name, Max: most, free: true,
		get: func(b town.Bead) string { return *at(&b) },
		put: func(b *town.Bead, s string) error { *at(b) = s; return nil },
	}
}

func long(name string, at func(*town.Bead) *string) Field {
	f := text(name, town.MaxTextBytes, at)
	f.lines = true
	return f
}

func word(name string, most int, at func(*town.Bead) *string) Field {
	f := text(name, most, at)
	f.free = false
	f.put = func(b *town.Bead, s string) error {
		if strings.ContainsFunc(s, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == ':')
		}) {
			return errors.New("not a word")
		}
		*at(b) = s
		return nil
	}
	return f
}

func moment(name string, at func(*town.Bead) *time.Time) Field {
	return Field{
		Name: name, Max: len(timeFormat),
		get: func(b town.Bead) string { return timeText(*at(&b)) },
		put: func(b *town.Bead, s string) error { return putTime(at(b), s) },
	}
}

func optional(name string, at func(*town.Bead) **time.Time) Field {
	return Field{
		Name: name, Max: len(timeFormat),
		get: func(b town.Bead) string {
			if t := *at(&b); t != nil {
				return timeText(*t)
			}
			return ""
		},
		put: func(b *town.Bead, s string) error {
			if s == "" {
				*at(b) = nil
				return nil
			}
			*at(b) = new(time.Time)
			return putTime(*at(b), s)
		},
	}
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(timeFormat)
}

func putTime(t *time.Time, s string) (err error) {
	if s == "" {
		*t = time.Time{}
		return nil
	}
	if *t, err = time.Parse(timeFormat, s); err != nil {
		return errors.New("not a time")
	}
	return nil
}

func putPriority(b *town.Bead, s string) error {
	if s == "" {
		b.Priority = 0
		return nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > town.MaxPriority {
		return errors.New("not a priority")
	}
	b.Priority = n
	return nil
}

// labelsText is a JSON array, sorted, or "" for no labels.
func labelsText(labels []string) string {
	if len(labels) == 0 {
		return ""
	}
	sorted := slices.Compact(slices.Sorted(slices.Values(labels)))
	out, _ := json.Marshal(sorted) // of strings: it cannot fail
	return string(out)
}

func putLabels(b *town.Bead, s string) error {
	b.Labels = nil
	if s == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(s), &b.Labels); err != nil {
		return errors.New("not a list of labels")
	}
	for _, l := range b.Labels {
		if town.CheckLabel(l) != nil {
			return errors.New("a list with an entry that is not a label")
		}
	}
	return nil
}
