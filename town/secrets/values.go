package secrets

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// shortest is the length from which on a value is replaced in texts. A shorter one is
// no secret, and replacing it would mangle every text.
const shortest = 4

// shortestLine is the same for one line of a secret of several, such as a key.
const shortestLine = 12

// shortestWithin is the same for a secret within something that was encoded with base64.
const shortestWithin = 6

// Values are secrets that were resolved, by name.
type Values map[string]string

// Redact replaces the values in a text by their references, also where they were escaped for
// a URL or for JSON, or encoded with base64, alone or within more, such as user:password.
func (v Values) Redact(text string) string {
	type pair struct{ value, name string }
	var all []pair
	for name, value := range v {
		for _, form := range forms(value) {
			if len(form) >= shortest && strings.Contains(text, form) {
				all = append(all, pair{form, name})
			}
		}
	}
	// The longest first: one value may contain another.
	slices.SortFunc(all, func(a, b pair) int {
		return cmp.Or(cmp.Compare(len(b.value), len(a.value)), strings.Compare(a.name, b.name), strings.Compare(a.value, b.value))
	})
	for _, p := range all {
		text = strings.ReplaceAll(text, p.value, "${"+p.name+"}")
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		for _, part := range within(v[name]) {
			text = replaceEncoded(text, part, "${"+name+"}")
		}
	}
	return text
}

// within are what a value is in the base64 of something that contains it, for each place at
// which it may begin. Its first and its last character there also depend on its neighbours,
// and are left out.
func within(value string) (all []string) {
	if len(value) < shortestWithin {
		return nil
	}
	for before := range 3 {
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := enc.EncodeToString(append(make([]byte, before), value...))
			end := (before + len(value)) * 8 / 6
			all = append(all, text[(before*8+5)/6:end])
		}
	}
	return all
}

// replaceEncoded replaces a part of an encoded text, with the character on each side that may
// hold a piece of it.
func replaceEncoded(text, part, with string) string {
	var out strings.Builder
	for {
		at := strings.Index(text, part)
		if at < 0 {
			out.WriteString(text)
			return out.String()
		}
		from, to := at, at+len(part)
		if from > 0 && strings.IndexByte(alphabet, text[from-1]) >= 0 {
			from--
		}
		if to < len(text) && strings.IndexByte(alphabet, text[to]) >= 0 {
			to++
		}
		out.WriteString(text[:from])
		out.WriteString(with)
		text = strings.TrimLeft(text[to:], "=")
	}
}

// alphabet are the characters of base64, of both kinds.
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"

// forms are the ways in which a value may stand in a text.
func forms(value string) (all []string) {
	quoted, _ := json.Marshal(value) // a string, so it cannot fail
	if strings.Contains(value, "\n") {
		for line := range strings.Lines(value) { // an error may be about one of them
			if line = strings.TrimSpace(line); len(line) >= shortestLine {
				all = append(all, line)
			}
		}
	}
	return append(all,
		value, url.QueryEscape(value), url.PathEscape(value), strings.Trim(string(quoted), `"`),
		base64.StdEncoding.EncodeToString([]byte(value)), base64.URLEncoding.EncodeToString([]byte(value)),
	)
}
