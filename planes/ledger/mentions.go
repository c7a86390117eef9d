package ledger

import (
	"regexp"
	"strings"
)

// IDPattern matches what may be an id in a text. A full stop at its end may end the
// sentence instead.
const IDPattern = `[A-Za-z0-9][A-Za-z0-9._-]*`

var idInText = regexp.MustCompile(IDPattern)

// IDsIn lists what may be ids in a text, in its order.
func IDsIn(text string) []string {
	ids := idInText.FindAllString(text, -1)
	for i, id := range ids {
		ids[i] = strings.TrimRight(id, ".")
	}
	return ids
}

// replaceIDs replaces what may be ids in a text by what fn makes of each.
func replaceIDs(text string, fn func(id string) string) string {
	return idInText.ReplaceAllStringFunc(text, func(word string) string {
		id := strings.TrimRight(word, ".")
		return fn(id) + word[len(id):]
	})
}
