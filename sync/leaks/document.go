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
	s.search(text, func(h hit) { add(h.from, h.rule, h.secret) })
	slices.SortStableFunc(places, func(a, b Place) int { return cmp.Or(a.Line-b.Line, cmp.Compare(a.Rule, b.Rule)) })
	return places
}
