package secrets

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// shortest is the length from which on a value is replaced in texts. A shorter one is
// no secret, and replacing it would mangle every text.
const shortest = 4

// shortestLine is the same for one line of a secret of several, such as a key.
const shortestLine = 12

// Values are secrets that were resolved, by name.
type Values map[string]string

// Redact replaces the values in a text by their references, also where they were
// escaped for a URL or for JSON, or encoded with base64.
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
	return text
}

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
