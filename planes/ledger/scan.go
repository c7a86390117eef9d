package ledger

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"gastown/town"
)

// The scanners below accept what either driver of the database returns for a
// column. NULL leaves the target as it is: in a UNION query, a kind of row that
// lacks a column has NULL there.

type textTo struct{ p *string }

func (s textTo) Scan(v any) error {
	switch v := v.(type) {
	case nil:
	case string:
		*s.p = v
	case []byte:
		*s.p = string(v)
	default:
		return fmt.Errorf("a text column holds %T", v)
	}
	return nil
}

type intTo struct{ p *int }

func (s intTo) Scan(v any) error {
	var n sql.NullInt64
	if err := n.Scan(v); err != nil || !n.Valid {
		return err
	}
	*s.p = int(n.Int64)
	return nil
}

type optIntTo struct{ p **int }

func (s optIntTo) Scan(v any) error {
	var n sql.NullInt64
	if err := n.Scan(v); err != nil || !n.Valid {
		return err
	}
	i := int(n.Int64)
	*s.p = &i
	return nil
}

type timeTo struct{ p *time.Time }

func (s timeTo) Scan(v any) error {
	text := ""
	switch v := v.(type) {
	case nil:
		return nil
	case time.Time:
		*s.p = v.UTC()
		return nil
	case string:
		text = v
	case []byte:
		text = string(v)
	default:
		return fmt.Errorf("a time column holds %T", v)
	}
	for _, layout := range []string{"2006-01-02 15:04:05.999999", time.RFC3339Nano} {
		if t, err := time.Parse(layout, text); err == nil {
			*s.p = t.UTC()
			return nil
		}
	}
	return fmt.Errorf("a time column holds %q", text)
}

type optTimeTo struct{ p **time.Time }

func (s optTimeTo) Scan(v any) error {
	if v == nil {
		return nil
	}
	var t time.Time
	if err := (timeTo{&t}).Scan(v); err != nil {
		return err
	}
	*s.p = &t
	return nil
}

type flagTo struct{ p *bool }

func (s flagTo) Scan(v any) error {
	var n int
	err := (intTo{&n}).Scan(v)
	*s.p = *s.p || n != 0
	return err
}

type rawTo struct{ p *json.RawMessage }

func (s rawTo) Scan(v any) error {
	var text string
	err := (textTo{&text}).Scan(v)
	if text != "" {
		*s.p = json.RawMessage(text)
	}
	return err
}

type extraTo struct{ b *town.Bead }

func (s extraTo) Scan(v any) error {
	var text string
	if err := (textTo{&text}).Scan(v); err != nil || text == "" {
		return err
	}
	err := json.Unmarshal([]byte(text), &s.b.Extra)
	promote(s.b)
	return err
}

// labelsTo scans a JSON array of strings, which is how the database aggregates
// labels.
type labelsTo struct{ p *[]string }

func (s labelsTo) Scan(v any) error {
	var text string
	if err := (textTo{&text}).Scan(v); err != nil || text == "" {
		return err
	}
	return json.Unmarshal([]byte(text), s.p)
}
