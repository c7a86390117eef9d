package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gastown/town"
)

// lineType is the value of _type in an exported line.
const lineType = "issue"

// errOtherLine reports a line that is not about a bead.
var errOtherLine = errors.New("not about a bead")

// errMemoryLine reports a line that holds a memory.
var errMemoryLine = errors.New("a memory")

// wireBead is a bead as in a line of an export.
type wireBead struct {
	town.Bead
	Priority     json.RawMessage `json:"priority"`
	CreatedAt    *wireTime       `json:"created_at"`
	UpdatedAt    *wireTime       `json:"updated_at"`
	ClosedAt     *wireTime       `json:"closed_at"`
	DueAt        *wireTime       `json:"due_at"`
	DeferUntil   *wireTime       `json:"defer_until"`
	Dependencies []wireLink      `json:"dependencies"`
	Comments     []wireComment   `json:"comments"`
	Ephemeral    wireFlag        `json:"ephemeral"`
	Template     wireFlag        `json:"is_template"`
	Pinned       wireFlag        `json:"pinned"`
}

// wireLink is a link whose date and metadata may be written in several ways.
type wireLink struct {
	town.Dependency
	Metadata  json.RawMessage `json:"metadata"`
	CreatedAt *wireTime       `json:"created_at"`
}

// wireComment is a comment whose id may be a number.
type wireComment struct {
	town.Comment
	ID        json.RawMessage `json:"id"`
	CreatedAt *wireTime       `json:"created_at"`
}

// read reads the line. errOtherLine reports one that is not about a bead, and
// errMemoryLine a memory.
func (p *parsed) read() error {
	if !utf8.Valid(p.text) {
		p.text = bytes.ToValidUTF8(p.text, []byte(string(utf8.RuneError)))
		p.mended("what is not UTF-8 is taken as %c", utf8.RuneError)
	}
	var fields map[string]json.RawMessage
	if err := decode(p.text, &fields); err != nil {
		return err
	}
	if _, header := fields["_schema"]; header {
		return fmt.Errorf("%w: it names a format", errOtherLine)
	}
	switch kind, ok := fields["_type"]; {
	case ok && string(kind) == `"`+memoryType+`"`:
		return p.readMemory()
	case ok && string(kind) != `"`+lineType+`"`:
		return fmt.Errorf("%w: _type %s", errOtherLine, town.Clip(string(kind), 40))
	}
	return p.readBead(fields)
}

func (p *parsed) readBead(fields map[string]json.RawMessage) error {
	known := fieldNames()
	line := p.text
	if p.foldNames(fields, known) {
		line, _ = json.Marshal(fields) // they came from JSON
	}
	var w wireBead
	var errs []error
	whole := decode(line, &w)
	if whole != nil && p.mendKinds(fields, known) {
		line, _ = json.Marshal(fields)
		w = wireBead{}
		whole = decode(line, &w)
	}
	if whole != nil {
		errs = fieldErrors(fields, known, &w)
		if len(errs) == 0 {
			errs = append(errs, whole)
		}
	}
	b := &p.bead
	*b = w.Bead
	var err error
	if b.Priority, err = p.priority(w.Priority); err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		*b = town.Bead{ID: w.ID}
		return errors.Join(errs...)
	}
	for _, date := range []struct {
		name string
		*wireTime
	}{
		{"created_at", w.CreatedAt}, {"updated_at", w.UpdatedAt}, {"closed_at", w.ClosedAt}, {"due_at", w.DueAt}, {"defer_until", w.DeferUntil},
	} {
		if date.wireTime != nil && date.unix && !date.at.IsZero() {
			p.mended("%s is a number and taken as %s", date.name, date.at.Format(time.RFC3339))
		}
	}
	b.CreatedAt, b.UpdatedAt = w.CreatedAt.value(), w.UpdatedAt.value()
	b.ClosedAt, b.DueAt, b.DeferUntil = w.ClosedAt.time(), w.DueAt.time(), w.DeferUntil.time()
	for _, d := range w.Dependencies {
		d.Dependency.CreatedAt = d.CreatedAt.value()
		d.Dependency.Metadata = linkMetadata(d.Metadata)
		b.Dependencies = append(b.Dependencies, d.Dependency)
	}
	b.Ephemeral, b.Template, b.Pinned = bool(w.Ephemeral) || string(fields["wisp"]) == "true", bool(w.Template), bool(w.Pinned)
	if object, ok := objectOf(b.Metadata); ok {
		b.Metadata = object
	} else { // another program's, of another kind
		b.Extra, b.Metadata = put(b.Extra, "metadata", b.Metadata), nil
	}
	for _, c := range w.Comments {
		c.Comment.CreatedAt = c.CreatedAt.value()
		c.Comment.ID = strings.Trim(string(c.ID), `"`)
		if c.Comment.ID == "null" {
			c.Comment.ID = ""
		}
		b.Comments = append(b.Comments, c.Comment)
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if slices.Contains(known, name) || slices.Contains(counted, name) {
			continue
		}
		if !slices.Contains(foreign, name) && tableForms[name] == nil {
			p.strange = append(p.strange, name)
		}
		if name, raw := exportForm(name, fields[name]); raw != nil {
			b.Extra = put(b.Extra, name, raw)
		}
	}
	return nil
}

// linkMetadata is the metadata of a link, which is a text or JSON itself.
func linkMetadata(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil { // null too
		return text
	}
	var flat bytes.Buffer
	if json.Compact(&flat, raw) != nil {
		return ""
	}
	return flat.String()
}

// fieldErrors returns an error for every field that has an invalid value. The
// bead it fills has at least its id, if that is valid.
func fieldErrors(fields map[string]json.RawMessage, known []string, w *wireBead) (errs []error) {
	w.ID = ""
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		var one wireBead
		if !slices.Contains(known, name) {
			continue
		}
		if err := decodeField(name, fields[name], &one); err != nil {
			errs = append(errs, err)
		} else if name == "id" {
			w.ID = one.ID
		}
	}
	return errs
}

func put(m map[string]json.RawMessage, name string, raw json.RawMessage) map[string]json.RawMessage {
	if m == nil {
		m = map[string]json.RawMessage{}
	}
	var flat bytes.Buffer
	if json.Compact(&flat, raw) == nil {
		raw = flat.Bytes()
	}
	m[name] = raw
	return m
}

// decode is json.Unmarshal with readable errors.
func decode(line []byte, to any) error {
	err := json.Unmarshal(line, to)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	var date *time.ParseError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("malformed JSON at byte %d: %w", syntax.Offset, err)
	case errors.As(err, &kind) && kind.Field != "":
		return fmt.Errorf("%w: %s is %s", town.ErrBadBead, strings.TrimPrefix(kind.Field, "Bead."), article(kind.Value))
	case errors.As(err, &kind):
		return fmt.Errorf("%w: %s where an object is expected", town.ErrBadBead, article(kind.Value))
	case errors.As(err, &date):
		return fmt.Errorf("%w: %q is not a date: write 2026-01-31T15:04:05Z", town.ErrBadBead, town.Clip(strings.Trim(date.Value, `"`), 40))
	case err != nil:
		return fmt.Errorf("%w: %w", town.ErrBadBead, err)
	}
	return nil
}

// decodeField reads an object with one field. Errors name the field.
func decodeField(name string, value json.RawMessage, to any) error {
	key, _ := json.Marshal(name) // a name is a string
	err := decode(slices.Concat([]byte("{"), key, []byte(":"), value, []byte("}")), to)
	if err != nil && !strings.Contains(err.Error(), name) {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return err
}

// article puts the article before a noun.
func article(noun string) string {
	if strings.IndexAny(noun, "aeiou") == 0 {
		return "an " + noun
	}
	return "a " + noun
}

// WriteLine writes a bead as one line of an export: JSON and a newline. Unknown
// fields that an import stored come last.
func WriteLine(w io.Writer, b town.Bead) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(struct {
		Type string `json:"_type"`
		town.Bead
	}{lineType, b}); err != nil {
		return fmt.Errorf("export %s: %w", b.ID, err)
	}
	if len(b.Extra) > 0 {
		buf.Truncate(buf.Len() - len("}\n"))
		for _, name := range slices.Sorted(maps.Keys(b.Extra)) {
			key, err := json.Marshal(name)
			if err != nil {
				return fmt.Errorf("export %s: %w", b.ID, err)
			}
			fmt.Fprintf(&buf, ",%s:%s", key, b.Extra[name])
		}
		buf.WriteString("}\n")
	}
	_, err := w.Write(buf.Bytes())
	return err
}
