package sqlite

import (
	"encoding/binary"
	"strings"
)

// Table is a table of a database.
type Table struct {
	db      *DB
	root    uint32
	columns []string
}

// Row is a row of a table.
type Row struct {
	Number int64
	names  []string
	values []any // string, int64 or nil
}

// Text is a column's text; "" for what is none, and for one larger than MaxValue.
func (r Row) Text(column string) string { s, _ := r.value(column).(string); return s }

// Int is a column's whole number; 0 for what is none.
func (r Row) Int(column string) int64 { n, _ := r.value(column).(int64); return n }

func (r Row) value(column string) any {
	for i, name := range r.names {
		if name == column && i < len(r.values) {
			return r.values[i]
		}
	}
	return nil
}

// Table finds a table; ok is false when there is none of the name.
func (db *DB) Table(name string) (t Table, ok bool, err error) {
	schema := Table{db: db, root: 1, columns: []string{"type", "name", "tbl_name", "rootpage", "sql"}}
	err = schema.Each(0, func(r Row) bool {
		if r.Text("type") != "table" || r.Text("name") != name {
			return true
		}
		root := r.Int("rootpage")
		ok = root > 0 && root < 1<<32
		t = Table{db: db, root: uint32(root), columns: columns(r.Text("sql"))}
		return false
	})
	return t, ok, err
}

// columns are the names of the columns in CREATE TABLE. Rows have them in this order.
func columns(sql string) (names []string) {
	_, body, _ := strings.Cut(sql, "(")
	depth, start := 0, 0
	add := func(end int) {
		name := strings.TrimLeft(body[start:end], " \t\r\n`\"[")
		if i := strings.IndexAny(name, " \t\r\n`\"]("); i >= 0 {
			name = name[:i]
		}
		names = append(names, name)
		start = end + 1
	}
	for i, r := range body {
		switch {
		case r == '(':
			depth++
		case r == ')' && depth == 0:
			add(i)
			return names
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			add(i)
		}
	}
	return names
}

// Each calls fn with the rows whose number is greater than after, in the order of their
// numbers, until it returns false.
func (t Table) Each(after int64, fn func(Row) bool) error {
	_, err := t.walk(t.root, after, 0, fn)
	return err
}

// Row is the row of a number.
func (t Table) Row(number int64) (row Row, ok bool, err error) {
	err = t.Each(number-1, func(r Row) bool {
		row, ok = r, r.Number == number
		return false
	})
	return row, ok, err
}

// walk visits a page of the table's tree and those below it.
func (t Table) walk(number uint32, after int64, depth int, fn func(Row) bool) (again bool, err error) {
	if depth > maxDepth {
		return false, spoilt("its tree is deeper than %d pages", maxDepth)
	}
	page, err := t.db.page(number)
	if err != nil {
		return false, err
	}
	at := 0
	if number == 1 {
		at = 100
	}
	kind, cells := page[at], int(binary.BigEndian.Uint16(page[at+3:]))
	pointers := at + 8
	if kind == 5 {
		pointers = at + 12
	}
	if kind != 5 && kind != 13 || pointers+2*cells > t.db.usable {
		return false, spoilt("page %d does not belong to a table", number)
	}
	for i := range cells {
		offset := int(binary.BigEndian.Uint16(page[pointers+2*i:]))
		if offset+4 >= t.db.usable {
			return false, spoilt("page %d has a cell beyond its end", number)
		}
		cell := page[offset:t.db.usable]
		if kind == 13 {
			again, err = t.leaf(cell, after, fn)
		} else {
			again, err = t.inner(cell, after, depth, fn)
		}
		if !again || err != nil {
			return false, err
		}
	}
	if kind == 5 {
		return t.walk(binary.BigEndian.Uint32(page[at+8:]), after, depth+1, fn)
	}
	return true, nil
}

// inner visits what is below a cell: rows up to the cell's number.
func (t Table) inner(cell []byte, after int64, depth int, fn func(Row) bool) (bool, error) {
	most, n := varint(cell[4:])
	if n == 0 {
		return false, spoilt("a cell is cut off")
	}
	if most <= after {
		return true, nil
	}
	return t.walk(binary.BigEndian.Uint32(cell), after, depth+1, fn)
}

func (t Table) leaf(cell []byte, after int64, fn func(Row) bool) (bool, error) {
	size, n := varint(cell)
	number, m := varint(cell[min(n, len(cell)):])
	if n == 0 || m == 0 || size < 0 || size > 1<<31 {
		return false, spoilt("a cell is cut off")
	}
	if number <= after {
		return true, nil
	}
	payload, err := t.payload(cell[n+m:], int(size))
	if err != nil {
		return false, err
	}
	values, err := record(payload, int(size))
	if err != nil {
		return false, err
	}
	return fn(Row{Number: number, names: t.columns, values: values}), nil
}

// payload gathers the content of a cell, which goes on in further pages if it is long.
// Of a content longer than MaxValue only the beginning is read.
func (t Table) payload(local []byte, size int) ([]byte, error) {
	u := t.db.usable
	here := size
	if most := u - 35; size > most {
		least := (u-12)*32/255 - 23
		if here = least + (size-least)%(u-4); here > most {
			here = least
		}
	}
	if here > len(local) || here < size && here+4 > len(local) {
		return nil, spoilt("a cell is cut off")
	}
	out := local[:here:here]
	if here == size {
		return out, nil
	}
	next := binary.BigEndian.Uint32(local[here:])
	for len(out) < min(size, 2*MaxValue) {
		page, err := t.db.page(next)
		if err != nil {
			return nil, err
		}
		next = binary.BigEndian.Uint32(page)
		out = append(out, page[4:min(u, 4+size-len(out))]...)
	}
	return out, nil
}

// record decodes the columns of a row, of which payload may hold only the beginning.
func record(payload []byte, size int) (values []any, err error) {
	header, n := varint(payload)
	if n == 0 || header < int64(n) || header > int64(len(payload)) {
		return nil, spoilt("a row has a header of %d bytes", header)
	}
	body := header
	for at := int64(n); at < header; {
		kind, n := varint(payload[at:header])
		if n == 0 || kind < 0 {
			return nil, spoilt("the header of a row is cut off")
		}
		at += int64(n)
		length := lengthOf(kind)
		if length > int64(size)-body {
			return nil, spoilt("a column is longer than its row")
		}
		var value any
		if body+length <= int64(len(payload)) && length <= MaxValue {
			value = valueOf(kind, payload[body:body+length])
		}
		values = append(values, value)
		body += length
	}
	return values, nil
}

// lengthOf is how many bytes a value of a kind has.
func lengthOf(kind int64) int64 {
	switch {
	case kind >= 12:
		return (kind - 12) / 2
	case kind <= 4:
		return kind
	case kind == 5:
		return 6
	case kind == 6, kind == 7:
		return 8
	}
	return 0
}

// valueOf is a whole number, a text, or nil.
func valueOf(kind int64, b []byte) any {
	switch {
	case kind >= 1 && kind <= 6:
		v := int64(int8(b[0]))
		for _, c := range b[1:] {
			v = v<<8 | int64(c)
		}
		return v
	case kind == 8, kind == 9:
		return kind - 8
	case kind >= 13 && kind%2 == 1:
		return string(b)
	}
	return nil
}
