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

// wireBead is a bead as in a line of an export.
type wireBead struct {
	town.Bead
	DueAt      *wireTime     `json:"due_at,omitempty"`
	DeferUntil *wireTime     `json:"defer_until,omitempty"`
	Comments   []wireComment `json:"comments,omitempty"`
	Ephemeral  wireFlag      `json:"ephemeral,omitempty"`
	Template   wireFlag      `json:"is_template,omitempty"`
	Pinned     wireFlag      `json:"pinned,omitempty"`
}

// wireComment is a comment whose id may be a number.
type wireComment struct {
	town.Comment
	ID json.RawMessage `json:"id"`
}

// parseLine reads one line of an export. It refuses unknown fields, or stores
// them when keep is set. errOtherLine reports a line that is not a bead.
func parseLine(line []byte, keep bool) (town.Bead, error) {
	var fields map[string]json.RawMessage
	if !utf8.Valid(line) {
		return town.Bead{}, fmt.Errorf("%w: the line is not UTF-8", town.ErrBadBead)
	}
	if err := decode(line, &fields); err != nil {
		return town.Bead{}, err
	}
	if kind, ok := fields["_type"]; ok && string(kind) != `"`+lineType+`"` {
		return town.Bead{}, fmt.Errorf("%w: _type %s", errOtherLine, town.Clip(string(kind), 40))
	}
	known := fieldNames()
	var w wireBead
	if errs := unreadable(line, fields, known, keep, &w); len(errs) > 0 {
		return town.Bead{ID: w.ID}, errors.Join(errs...)
	}
	b := w.Bead
	b.DueAt, b.DeferUntil = w.DueAt.time(), w.DeferUntil.time()
	b.Ephemeral, b.Template, b.Pinned = bool(w.Ephemeral), bool(w.Template), bool(w.Pinned)
	if object, ok := objectOf(b.Metadata); ok {
		b.Metadata = object
	} else { // another program's, of another kind
		b.Extra, b.Metadata = put(b.Extra, "metadata", b.Metadata), nil
	}
	for _, c := range w.Comments {
		c.Comment.ID = strings.Trim(string(c.ID), `"`)
		if c.Comment.ID == "null" {
			c.Comment.ID = ""
		}
		b.Comments = append(b.Comments, c.Comment)
	}
	if _, ok := fields["priority"]; !ok {
		b.Priority = defaultPriority
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(known, name) && !slices.Contains(counted, name) {
			if name, raw := exportForm(name, fields[name]); raw != nil {
				b.Extra = put(b.Extra, name, raw)
			}
		}
	}
	return b, nil
}

// unreadable reads a line and returns an error for every field that is unknown
// or has an invalid value. The bead it returns has at least its id, if that is
// valid.
func unreadable(line []byte, fields map[string]json.RawMessage, known []string, keep bool, w *wireBead) (errs []error) {
	whole := decode(line, w)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		alike := func(k string) bool { return strings.EqualFold(k, name) }
		switch {
		case slices.Contains(known, name):
			if whole == nil {
				continue
			}
			var one wireBead
			if err := decodeField(name, fields[name], &one); err != nil {
				errs = append(errs, err)
			} else if name == "id" {
				w.ID = one.ID
			}
		case slices.ContainsFunc(known, alike):
			// The JSON library would accept one for the other.
			errs = append(errs, unknownField(name, known))
		case !keep && !slices.Contains(counted, name) && !slices.Contains(foreign, name) && tableForms[name] == nil:
			errs = append(errs, unknownField(name, slices.Concat(known, foreign)))
		}
	}
	if len(errs) == 0 && whole != nil {
		errs = append(errs, whole)
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
