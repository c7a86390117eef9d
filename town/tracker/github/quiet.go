package github

import (
	"regexp"
	"strings"
)

const (
	// gap is a zero-width space. Behind @ or # it keeps GitHub from seeing a mention.
	gap = "\u200b"
	// digits can begin a number and letters a name. & counts as both, because an entity of
	// HTML can stand for either.
	digits  = "0123456789&"
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" + digits
)

var (
	// address is a complete address, which GitHub makes a link of.
	address = regexp.MustCompile(`(?:^|[\s*_~(<])https?://[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::\d+)?[/?][^\s<>]*`)
	// sign matches what can begin a mention of a person (group 1) or of an issue (group 2).
	// It also matches other numeric entities of HTML, whose # begins none.
	sign = regexp.MustCompile(`(@|&#0*64;|&#[xX]0*40;|&commat;)|(#|&#0*35;|&#[xX]0*23;|&num;|[gG][hH]-)|&#\w+;`)
)

// quiet keeps a text from notifying people and from marking other issues when GitHub shows
// it: by @name, @org/team, #12, owner/name#12 or GH-12. Code is treated in the same way,
// because names count there too when somebody answers by mail. Addresses of issues that are
// written in full stay links.
func quiet(text string) string {
	var out strings.Builder
	at := 0
	for _, span := range address.FindAllStringIndex(text, -1) {
		out.WriteString(parted(text[at:span[0]]))
		out.WriteString(encoded(text[span[0]:span[1]]))
		at = span[1]
	}
	out.WriteString(parted(text[at:]))
	return out.String()
}

// parted puts a gap behind each sign of a text that would begin a mention. The text holds
// no complete address.
func parted(text string) string {
	var out strings.Builder
	at := 0
	for _, m := range sign.FindAllStringSubmatchIndex(text, -1) {
		out.WriteString(text[at:m[1]])
		at = m[1]
		person, issue := m[2] >= 0, m[4] >= 0
		// A letter before @ makes it an address such as ann@example.org.
		if person && starts(text[at:], letters) && !ends(text[:m[0]], letters) || issue && starts(text[at:], digits) {
			out.WriteString(gap)
		}
	}
	return out.String() + text[at:]
}

// encoded is an address in which no @ begins a name. It leads to the same place.
func encoded(address string) string {
	parts := strings.Split(address, "@")
	out := parts[0]
	for _, p := range parts[1:] {
		if ends(out, letters) {
			out += "@" + p
		} else {
			out += "%40" + p
		}
	}
	return out
}

func starts(s, chars string) bool { return s != "" && strings.IndexByte(chars, s[0]) >= 0 }
func ends(s, chars string) bool   { return s != "" && strings.IndexByte(chars, s[len(s)-1]) >= 0 }
