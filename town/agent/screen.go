package agent

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// line is one line of a screen.
type line struct {
	// text has everything; bright has blanks in place of dimmed characters. Both
	// have the same characters otherwise, and none that controls a terminal.
	text, bright string
}

// lines reads a captured screen with its attributes.
func lines(captured string) []line {
	var all []line
	dim := false // an attribute goes on from line to line
	for l := range strings.Lines(captured) {
		all = append(all, readLine(strings.TrimSuffix(l, "\n"), &dim))
	}
	return all
}

func readLine(raw string, dim *bool) line {
	var text, bright strings.Builder
	raw = strings.ToValidUTF8(raw, " ")
	for len(raw) > 0 {
		if rest, ok := strings.CutPrefix(raw, "\x1b"); ok {
			var sgr string
			sgr, raw = escape(rest)
			attribute(sgr, dim)
			continue
		}
		r, size := utf8.DecodeRuneInString(raw)
		raw = raw[size:]
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != 0x200d {
			r = ' '
		}
		text.WriteRune(r)
		if *dim {
			r = ' '
		}
		bright.WriteRune(r)
	}
	return line{strings.TrimRight(text.String(), " "), strings.TrimRight(bright.String(), " ")}
}

// escape cuts an escape sequence off, whose first byte is gone already. sgr are its
// parameters if it sets attributes.
func escape(s string) (sgr, rest string) {
	if s == "" {
		return "", ""
	}
	switch s[0] {
	case '[':
		for i := 1; i < len(s); i++ {
			if s[i] >= 0x40 && s[i] <= 0x7e {
				if s[i] == 'm' {
					return s[1:i], s[i+1:]
				}
				return "", s[i+1:]
			}
		}
		return "", ""
	case ']', 'P', '_', '^', 'X': // up to the string's terminator
		for i := 1; i < len(s); i++ {
			if s[i] == 7 {
				return "", s[i+1:]
			}
			if s[i] == 0x1b && i+1 < len(s) && s[i+1] == '\\' {
				return "", s[i+2:]
			}
		}
		return "", ""
	}
	return "", s[1:]
}

// attribute applies the parameters of a sequence that sets attributes.
func attribute(sgr string, dim *bool) {
	parts := strings.Split(sgr, ";")
	for i := 0; i < len(parts); i++ {
		switch parts[i] {
		case "", "0", "22":
			*dim = false
		case "2":
			*dim = true
		case "38", "48", "58": // a colour follows
			if i+1 < len(parts) && parts[i+1] == "5" {
				i += 2
			} else if i+1 < len(parts) && parts[i+1] == "2" {
				i += 4
			}
		}
	}
}

// texts are the lines for people.
func texts(all []line) []string {
	out := make([]string, len(all))
	for i, l := range all {
		out[i] = l.text
	}
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}

// fold reduces text to what a screen shows of it in any case: letters, digits and
// ASCII punctuation. Blanks depend on how lines are wrapped, and other characters on
// the fonts that a terminal supposes.
func fold(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r > ' ' && r < 0x7f {
			return r
		}
		return -1
	}, text)
}

// cut returns what follows so many characters.
func cut(text string, n int) string {
	r := []rune(text)
	return string(r[min(n, len(r)):])
}
