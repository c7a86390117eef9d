package town

import (
	"strings"
	"unicode"
)

// Visible makes a space of each white-space character of a hostile text, and drops control
// characters and those that are invisible or change the direction of others.
func Visible(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, text)
}
