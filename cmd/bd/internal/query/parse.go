// Package query reads the expressions of bd query, such as
//
//	status=open AND (priority<=1 OR label=urgent) AND NOT assignee=none
//
// and makes a filter of the ledger of them.
package query

import (
	"fmt"
	"strings"
	"time"

	"gastown/planes/ledger"
	"gastown/town"
)

const (
	// maxLength bounds the bytes of an expression.
	maxLength = 16 << 10
	// maxDepth bounds how deep parentheses and NOT are nested.
	maxDepth = 50
)

// Query is an expression as a filter.
type Query struct {
	Filter ledger.Filter
	// Status says that the expression compares the status, so that closed beads
	// are not left out of its own accord.
	Status bool
}

// Parse reads an expression. Relative times count from now. The error wraps
// town.ErrUsage.
func Parse(text string, now time.Time) (Query, error) {
	if len(text) > maxLength {
		return Query{}, fmt.Errorf("%w: the query has %d bytes, the limit is %d", town.ErrUsage, len(text), maxLength)
	}
	tokens, err := scan(text)
	if err != nil {
		return Query{}, err
	}
	p := &parser{tokens: tokens, now: now}
	f, err := p.either(0)
	if err == nil && p.peek().kind != end {
		err = p.unexpected("AND or OR")
	}
	return Query{f, p.status}, err
}

// parser reads tokens by recursive descent.
type parser struct {
	tokens []token
	at     int
	now    time.Time
	status bool
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != end {
		p.at++
	}
	return t
}

func (p *parser) unexpected(wanted string) error {
	t := p.peek()
	found := "the end"
	if t.kind != end {
		found = fmt.Sprintf("%q", town.Clip(t.text, 40))
	}
	return fmt.Errorf("%w: query: %s where %s should be, at character %d", town.ErrUsage, found, wanted, t.at+1)
}

// keyword reports whether the next token is a bare word, in any case.
func (p *parser) keyword(word string) bool {
	return p.peek().kind == bare && strings.EqualFold(p.peek().text, word)
}

// either reads alternatives: A OR B OR C.
func (p *parser) either(depth int) (ledger.Filter, error) {
	return p.series(depth, "or", p.both, func(parts []ledger.Filter) ledger.Filter { return ledger.Filter{Any: parts} })
}

// both reads conditions that must all be met: A AND B.
func (p *parser) both(depth int) (ledger.Filter, error) {
	return p.series(depth, "and", p.not, func(parts []ledger.Filter) ledger.Filter { return ledger.Filter{All: parts} })
}

func (p *parser) series(depth int, word string, part func(int) (ledger.Filter, error), join func([]ledger.Filter) ledger.Filter) (ledger.Filter, error) {
	first, err := part(depth)
	parts := []ledger.Filter{first}
	for err == nil && p.keyword(word) {
		p.next()
		var f ledger.Filter
		f, err = part(depth)
		parts = append(parts, f)
	}
	if len(parts) == 1 {
		return first, err
	}
	return join(parts), err
}

// not reads NOT A, (A), or a comparison.
func (p *parser) not(depth int) (ledger.Filter, error) {
	if depth > maxDepth {
		return ledger.Filter{}, fmt.Errorf("%w: query: nested deeper than %d", town.ErrUsage, maxDepth)
	}
	switch {
	case p.keyword("not"):
		p.next()
		f, err := p.not(depth + 1)
		return without(f), err
	case p.peek().kind == open:
		p.next()
		f, err := p.either(depth + 1)
		if err == nil && p.next().kind != shut {
			p.at = max(p.at-1, 0)
			err = p.unexpected("a closing parenthesis")
		}
		return f, err
	}
	return p.comparison()
}

// without selects what a filter does not.
func without(f ledger.Filter) ledger.Filter { return ledger.Filter{None: []ledger.Filter{f}} }

func (p *parser) comparison() (ledger.Filter, error) {
	if p.peek().kind != bare {
		return ledger.Filter{}, p.unexpected("a field")
	}
	name := p.next().text
	if lower := strings.ToLower(name); !strings.HasPrefix(lower, metadataField) {
		name = lower // keys of metadata differ by case
	} else {
		name = metadataField + name[len(metadataField):]
	}
	if p.peek().kind != operator {
		return ledger.Filter{}, p.unexpected("one of = != < <= > >=")
	}
	op := p.next().text
	if k := p.peek().kind; k != bare && k != quoted {
		return ledger.Filter{}, p.unexpected("a value")
	}
	c := condition{name, op, p.next().text, p.now}
	p.status = p.status || name == "status"
	return c.filter()
}
