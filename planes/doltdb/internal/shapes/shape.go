// Package shapes adds up the time of SQL statements by their shape: the statement
// without its values. It is bounded whatever clients send: in how much of a statement
// it reads, in how many shapes it knows, and in how many of them it shows.
package shapes

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxRead is how much of a statement is read, in bytes. Two statements that differ
	// only later have one shape.
	maxRead = 768
	// MaxShape is how long a shape is, in bytes.
	MaxShape = 200
)

// Of returns the shape of a statement: strings and numbers become ?, a list of such
// values becomes one, comments go, and white space is one space. So no value that a
// statement holds is in its shape. "" is the shape of an empty statement.
func Of(query string) string {
	whole := len(query) <= maxRead
	if !whole {
		query = query[:maxRead]
	}
	r := reader{text: query}
	r.out.Grow(MaxShape)
	for r.at < len(r.text) && r.out.Len() <= MaxShape {
		r.next()
	}
	shape := r.out.String()
	cut := len(shape) > MaxShape
	if cut {
		shape = shape[:MaxShape-len("…")]
		for len(shape) > 0 && !utf8.ValidString(shape[len(shape)-min(len(shape), utf8.UTFMax):]) {
			shape = shape[:len(shape)-1]
		}
	}
	shape = strings.TrimRight(shape, " ")
	if cut || !whole && !strings.HasSuffix(shape, "?") {
		shape += "…"
	}
	return shape
}

// reader reads one statement.
type reader struct {
	text  string
	at    int
	out   strings.Builder
	space bool // white space came after what was written last
}

// next reads one word, value or sign.
func (r *reader) next() {
	switch c := r.text[r.at]; {
	case c == '\'' || c == '"':
		r.quoted(c)
		r.value()
	case c == '`':
		from := r.at
		r.quoted(c)
		r.write(clean(r.text[from:r.at]))
	case c >= '0' && c <= '9':
		r.skip(func(c byte) bool { return wordByte(c) || c == '.' })
		r.value()
	case wordByte(c):
		from := r.at
		r.skip(wordByte)
		r.word(r.text[from:r.at])
	case strings.HasPrefix(r.text[r.at:], "/*"):
		r.past("*/")
	case strings.HasPrefix(r.text[r.at:], "-- ") || c == '#':
		r.past("\n")
	case c <= ' ':
		r.at++
		r.space = r.out.Len() > 0
	case c == '?':
		r.at++
		r.value()
	case c == ')':
		r.at++
		r.out.WriteByte(c)
		r.space = false
		r.row()
	default:
		r.at++
		r.write(string(rune(c)))
	}
}

// wordByte reports a byte of a name or a keyword. Bytes of other alphabets are such.
func wordByte(c byte) bool {
	return c == '_' || c == '$' || c == '@' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= utf8.RuneSelf
}

func (r *reader) skip(while func(byte) bool) {
	for r.at < len(r.text) && while(r.text[r.at]) {
		r.at++
	}
}

// past skips to the end of the text, or behind the next such sign.
func (r *reader) past(sign string) {
	if n := strings.Index(r.text[r.at+1:], sign); n >= 0 {
		r.at += 1 + n + len(sign)
	} else {
		r.at = len(r.text)
	}
	r.space = r.out.Len() > 0
}

// quoted skips what begins with a quote, with its end.
func (r *reader) quoted(quote byte) {
	for r.at++; r.at < len(r.text); r.at++ {
		switch r.text[r.at] {
		case '\\':
			if quote != '`' {
				r.at++
			}
		case quote:
			if r.at+1 < len(r.text) && r.text[r.at+1] == quote {
				r.at++
				continue
			}
			r.at++
			return
		}
	}
	r.at = min(r.at, len(r.text))
}

// word writes a name or keyword. NULL, TRUE and FALSE are values where a list has them,
// and _binary belongs to the value behind it.
func (r *reader) word(w string) {
	switch strings.ToUpper(w) {
	case "_BINARY", "X", "B":
		if r.at < len(r.text) && r.text[r.at] == '\'' {
			return
		}
	case "NULL", "TRUE", "FALSE":
		if last := r.last(); last == '(' || last == ',' {
			r.value()
			return
		}
	}
	r.write(clean(w))
}

// value writes ?, unless a list has one already.
func (r *reader) value() {
	written := r.out.String()
	for _, sign := range []string{"-", "+"} { // of a number
		if rest, signed := strings.CutSuffix(written, sign); signed && (strings.HasSuffix(rest, "(") || strings.HasSuffix(rest, ",")) {
			written = rest
		}
	}
	if list, inList := strings.CutSuffix(strings.TrimRight(written, " "), ","); inList && strings.HasSuffix(list, "?") {
		r.replace(list)
		return
	}
	if len(written) != r.out.Len() {
		r.replace(written)
	}
	r.write("?")
}

// row drops a row of values that follows another one.
func (r *reader) row() {
	written := r.out.String()
	if before, isRow := strings.CutSuffix(written, "(?)"); isRow {
		if before, follows := strings.CutSuffix(strings.TrimRight(before, " "), ","); follows && strings.HasSuffix(strings.TrimRight(before, " "), "(?)") {
			r.replace(strings.TrimRight(before, " "))
		}
	}
}

func (r *reader) replace(text string) {
	r.out.Reset()
	r.out.WriteString(text)
	r.space = false
}

// last is the last sign that was written; 0 before the first.
func (r *reader) last() byte {
	if written := r.out.String(); written != "" {
		return written[len(written)-1]
	}
	return 0
}

func (r *reader) write(text string) {
	if r.space && r.last() != '(' {
		r.out.WriteByte(' ')
	}
	r.space = false
	r.out.WriteString(text)
}

// clean makes what a client named fit for a label: valid, and of printable signs.
func clean(name string) string {
	for i := range len(name) {
		if c := name[i]; c < ' ' || c >= utf8.RuneSelf || c == 0x7f {
			return strings.Map(func(c rune) rune {
				if unicode.IsPrint(c) && c != utf8.RuneError {
					return c
				}
				return '.'
			}, strings.ToValidUTF8(name, "."))
		}
	}
	return name
}
