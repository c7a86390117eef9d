package leaks

import (
	"cmp"
	"strings"
)

// hit is what a rule found in a text.
type hit struct {
	rule, secret string
	// from and to are where the secret stands, in bytes.
	from, to int
	// own: one of ownRules found it.
	own bool
	// decoded: it shows only after decoding, somewhere after from.
	decoded bool
}

// search calls take for everything that a rule finds. It may call it more than once
// for one place.
func (s *Scanner) search(text string, take func(hit)) {
	lower := strings.ToLower(text)
	for _, own := range ownRules {
		if !hasAny(lower, own.words) {
			continue
		}
		group := 2 * max(0, own.pattern.SubexpIndex("secret"))
		for _, at := range own.pattern.FindAllStringSubmatchIndex(text, -1) {
			from, to := at[group], at[group+1]
			take(hit{rule: own.name, secret: text[from:to], from: from, to: to, own: true})
		}
	}
	for from := 0; from < len(text); {
		next, to := window(text, from)
		shown := text[from:to]
		for _, f := range s.detector.DetectString(shown) {
			h := hit{rule: f.RuleID, secret: cmp.Or(f.Secret, f.Match)}
			at := strings.Index(shown, h.secret)
			if h.decoded = at < 0; h.decoded {
				at = offsetOfLine(shown, f.StartLine)
			}
			h.from, h.to = from+at, from+at+len(h.secret)
			take(h)
		}
		from = next
	}
}

// The library runs the pattern of a rule over all of a text that has one of the rule's
// words anywhere. In a long text nearly every word occurs by chance, and the search
// takes seconds for a mebibyte. So it gets windows of windowSize bytes that overlap by
// windowOverlap, and a secret of at most that length is whole in one of them.
const (
	windowSize    = 4 << 10
	windowOverlap = 1 << 10
)

// window is where the window that begins at from ends, and where the next one begins.
// Both are the end of a line where one is near.
func window(text string, from int) (next, to int) {
	if len(text)-from <= windowSize {
		return len(text), len(text)
	}
	to = from + windowSize
	if n := strings.LastIndexByte(text[to-windowOverlap/2:to], '\n'); n >= 0 {
		to += n + 1 - windowOverlap/2
	}
	next = to - windowOverlap
	if n := strings.IndexByte(text[next:next+windowOverlap/2], '\n'); n >= 0 {
		next += n + 1
	}
	return next, to
}

// offsetOfLine is where a line, counted from 0, begins.
func offsetOfLine(text string, line int) int {
	at := 0
	for range line {
		next := strings.IndexByte(text[at:], '\n')
		if next < 0 {
			break
		}
		at += next + 1
	}
	return at
}
