package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
)

// picked is a value of which only some JSON keys are shown, in their order.
type picked struct {
	value  any
	fields ledger.Fields
}

// Pick is a value whose JSON has only the id and the named fields, in their order.
// With nil it is the value itself.
func Pick(value any, fields ledger.Fields) any {
	if fields == nil {
		return value
	}
	return picked{value, fields}
}

// MarshalJSON leaves out the keys that were not picked.
func (p picked) MarshalJSON() ([]byte, error) {
	all, err := Keys(p.value)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteByte('{')
	for _, f := range order(p.fields) {
		raw, ok := all[f]
		if !ok {
			continue
		}
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, "%q:%s", f, raw)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// Keys are the JSON keys of a value.
func Keys(value any) (map[string]json.RawMessage, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	return all, json.Unmarshal(text, &all)
}

// order is the id first, then the fields in their order, each once.
func order(fields ledger.Fields) []string {
	order := []string{"id"}
	seen := map[string]bool{"id": true}
	for _, f := range fields {
		if !seen[f] {
			seen[f] = true
			order = append(order, f)
		}
	}
	return order
}

// Table prints values as a table with a column for the id and for each field.
func Table(p *term.Printer, fields ledger.Fields, values []any) error {
	header := order(fields)
	var rows [][]string
	for _, v := range values {
		all, err := Keys(v)
		if err != nil {
			return err
		}
		row := make([]string, len(header))
		for i, f := range header {
			row[i] = Cell(all[f])
		}
		rows = append(rows, row)
	}
	for i := range header {
		header[i] = strings.ToUpper(header[i])
	}
	p.Table(header, rows)
	return nil
}

// Cell is a JSON value as text. Of an object in a list it shows the id.
func Cell(raw json.RawMessage) string {
	var v any
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil {
		return ""
	}
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		words := make([]string, len(v))
		for i, e := range v {
			words[i] = fmt.Sprint(e)
			if m, ok := e.(map[string]any); ok {
				words[i] = fmt.Sprint(m["id"])
			}
		}
		return strings.Join(words, ",")
	}
	return fmt.Sprint(v)
}
