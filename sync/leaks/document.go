package leaks

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
)

// Mark stands for a secret, to tell whether another text has the same one. The
// secret cannot be read from it.
type Mark [sha256.Size]byte

// Place is where a document has something that looks like a secret.
type Place struct {
	// Line counts from 1.
	Line int
	// Rule is the name of the rule that found it.
	Rule string
	Mark Mark
}

// ScanDocument searches a document of many lines. Of two equal secrets it names the
// first.
func (s *Scanner) ScanDocument(text string) (places []Place) {
	add := func(at int, rule, secret string) {
		p := Place{Line: 1 + strings.Count(text[:at], "\n"), Rule: rule, Mark: sha256.Sum256([]byte(rule + "\x00" + secret))}
		if !slices.ContainsFunc(places, func(o Place) bool { return o.Mark == p.Mark }) {
			places = append(places, p)
		}
	}
	lower := strings.ToLower(text)
	for _, own := range ownRules {
		if !hasAny(lower, own.words) {
			continue
		}
		group := 2 * max(0, own.pattern.SubexpIndex("secret"))
		for _, at := range own.pattern.FindAllStringSubmatchIndex(text, -1) {
			add(at[group], own.name, text[at[group]:at[group+1]])
		}
	}
	for from := 0; from < len(text); {
		next, to := window(text, from)
		for _, f := range s.detector.DetectString(text[from:to]) {
			secret := cmp.Or(f.Secret, f.Match)
			at := strings.Index(text[from:to], secret)
			if at < 0 { // it shows only after decoding
				at = offsetOfLine(text[from:to], f.StartLine)
			}
			add(from+at, f.RuleID, secret)
		}
		from = next
	}
	slices.SortStableFunc(places, func(a, b Place) int { return cmp.Or(a.Line-b.Line, cmp.Compare(a.Rule, b.Rule)) })
	return places
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
