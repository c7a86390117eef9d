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

// BlockRows is how many lines of a long result are collected before they are
// printed.
const BlockRows = 500

// Table prints values as rows, with a column for the id and one for each field. It
// collects BlockRows of them at most.
type Table struct {
	p       *term.Printer
	out     *term.Table
	columns []string
	rows    [][]string
}

// NewTable begins a table.
func NewTable(p *term.Printer, fields ledger.Fields) *Table {
	columns := order(fields)
	header := make([]string, len(columns))
	for i, name := range columns {
		header[i] = strings.ToUpper(name)
	}
	return &Table{p: p, out: p.NewTable(header), columns: columns}
}

// Add adds a row.
func (t *Table) Add(value any) error {
	all, err := Keys(value)
	if err != nil {
		return err
	}
	row := make([]string, len(t.columns))
	for i, name := range t.columns {
		row[i] = Cell(all[name])
	}
	if t.rows = append(t.rows, row); len(t.rows) < BlockRows {
		return nil
	}
	return t.Flush()
}

// Flush prints what was collected. It ends the table.
func (t *Table) Flush() error {
	t.out.Add(t.rows)
	t.rows = nil
	return t.p.Flush()
}

// WriteTable prints values as a whole table.
func WriteTable(p *term.Printer, fields ledger.Fields, values []any) error {
	t := NewTable(p, fields)
	for _, v := range values {
		if err := t.Add(v); err != nil {
			return err
		}
	}
	return t.Flush()
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
