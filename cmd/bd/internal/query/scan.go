package query

import (
	"fmt"
	"strings"

	"gastown/town"
)

// kind is what a token is.
type kind int

const (
	end kind = iota
	bare
	quoted
	operator
	open
	shut
)

// token is a piece of an expression. at is the byte it begins at.
type token struct {
	kind kind
	text string
	at   int
}

// operators are those of comparisons, longer ones first.
var operators = []string{"!=", "<=", ">=", "=", "<", ">"}

// scan splits an expression. The last token is the end.
func scan(text string) (tokens []token, err error) {
	for at := 0; at < len(text); {
		rest := text[at:]
		t := token{at: at}
		switch c := rest[0]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			at++
			continue
		case c == '(':
			t.kind, t.text = open, "("
		case c == ')':
			t.kind, t.text = shut, ")"
		case c == '"' || c == '\'':
			value, length, ok := unquote(rest)
			if !ok {
				return nil, fmt.Errorf("%w: query: the quotation that begins at character %d does not end", town.ErrUsage, at+1)
			}
			tokens = append(tokens, token{quoted, value, at})
			at += length
			continue
		default:
			t.kind, t.text = bare, rest[:wordLength(rest)]
			for _, op := range operators {
				if strings.HasPrefix(rest, op) {
					t.kind, t.text = operator, op
					break
				}
			}
			if t.text == "" {
				return nil, fmt.Errorf("%w: query: %q at character %d", town.ErrUsage, rest[:1], at+1)
			}
		}
		tokens = append(tokens, t)
		at += len(t.text)
	}
	return append(tokens, token{kind: end, at: len(text)}), nil
}

// wordLength is how many bytes of a text are a bare word.
func wordLength(text string) int {
	n := strings.IndexAny(text, " \t\r\n()=<>!\"'")
	if n < 0 {
		return len(text)
	}
	return n
}

// unquote reads a quotation. A backslash keeps the character that follows.
func unquote(text string) (value string, length int, ok bool) {
	var out strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case text[0]:
			return out.String(), i + 1, true
		case '\\':
			if i++; i < len(text) {
				out.WriteByte(text[i])
			}
		default:
			out.WriteByte(text[i])
		}
	}
	return "", 0, false
}
