package term

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gastown/town"
)

// Clean makes control characters, and characters that reorder text, visible.
func Clean(s string) string {
	if !strings.ContainsFunc(s, hidden) && utf8.ValidString(s) {
		return s
	}
	var out strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			fmt.Fprintf(&out, `\x%02x`, s[i])
		case !hidden(r):
			out.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&out, `\x%02x`, r)
		default:
			fmt.Fprintf(&out, `\u{%x}`, r)
		}
	}
	return out.String()
}

func hidden(r rune) bool {
	return r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != '\u200d' || r == '\u2028' || r == '\u2029')
}

// Plural is town.Plural.
func Plural(n int, one, many string) string { return town.Plural(n, one, many) }

// Ago formats the distance from now to a time, followed by the time itself.
func Ago(now, t time.Time) string {
	since := now.Sub(t)
	var text string
	switch {
	case since < 0:
		text = "in the future"
	case since < time.Minute:
		text = Plural(int(since/time.Second), "second", "seconds") + " ago"
	case since < time.Hour:
		text = Plural(int(since/time.Minute), "minute", "minutes") + " ago"
	case since < 48*time.Hour:
		text = Plural(int(since/time.Hour), "hour", "hours") + " ago"
	default:
		text = Plural(int(since/(24*time.Hour)), "day", "days") + " ago"
	}
	return text + " (" + t.UTC().Format("2006-01-02 15:04:05 UTC") + ")"
}

// Short formats a duration in as few characters as tell it: 45s, 12m, 3h, 5d.
func Short(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return strconv.Itoa(int(d/time.Second)) + "s"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	}
	return strconv.Itoa(int(d/(24*time.Hour))) + "d"
}

// Size formats a number of bytes.
func Size(n int64) string {
	switch {
	case n < 1<<10:
		return Plural(int(n), "byte", "bytes")
	case n < 1<<20:
		return fmt.Sprintf("%.1f KB", float64(n)/(1<<10))
	default:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	}
}
