package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
)

// picked is a value of which only some JSON keys are shown, in their order.
type picked struct {
	value  any
	fields ledger.Fields
}

// MarshalJSON leaves out the keys nobody asked for.
func (p picked) MarshalJSON() ([]byte, error) {
	all, err := p.keys()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteByte('{')
	for _, f := range p.order() {
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

func (p picked) keys() (map[string]json.RawMessage, error) {
	text, err := json.Marshal(p.value)
	if err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	return all, json.Unmarshal(text, &all)
}

// order is the id first, then the fields as they were asked for, each once.
func (p picked) order() []string {
	order := []string{"id"}
	seen := map[string]bool{"id": true}
	for _, f := range p.fields {
		if !seen[f] {
			seen[f] = true
			order = append(order, f)
		}
	}
	return order
}

// pick is the value itself when all fields are wanted.
func pick(value any, fields ledger.Fields) any {
	if fields == nil {
		return value
	}
	return picked{value, fields}
}

// sayPicked prints beads as a table of the fields that were asked for.
func sayPicked(p *term.Printer, fields ledger.Fields, values []any) error {
	header := picked{nil, fields}.order()
	var rows [][]string
	for _, v := range values {
		all, err := picked{v, fields}.keys()
		if err != nil {
			return err
		}
		row := make([]string, len(header))
		for i, f := range header {
			row[i] = cell(all[f])
		}
		rows = append(rows, row)
	}
	for i := range header {
		header[i] = strings.ToUpper(header[i])
	}
	p.Table(header, rows)
	return nil
}

// cell words a JSON value for a table.
func cell(raw json.RawMessage) string {
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

// stamp words a time for people.
func stamp(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }
