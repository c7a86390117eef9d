package tracker

import (
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"gastown/town"
)

// Line makes a hostile text one line without control characters, of at most n bytes.
func Line(s string, n int) string {
	return town.Clip(strings.Join(strings.Fields(visible(s)), " "), n)
}

// Text removes control characters and invisible ones from a hostile text, keeps its lines,
// and bounds it to n bytes.
func Text(s string, n int) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRightFunc(visible(l), unicode.IsSpace)
	}
	return town.Clip(strings.Trim(strings.Join(lines, "\n"), "\n"), n)
}

// sequence is what a terminal would obey.
var sequence = regexp.MustCompile(`\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.)`)

func visible(s string) string {
	if strings.ContainsRune(s, '\x1b') {
		s = sequence.ReplaceAllString(s, "")
	}
	return strings.ReplaceAll(town.Visible(s), string(unicode.ReplacementChar), "")
}

// webAddress returns an address that a person may open, or "".
func webAddress(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || len(s) > 250 {
		return ""
	}
	return u.String()
}

// The mark of an issue whose tracker has no better place for it is the last line of its
// text.

// WithMark appends a mark to a text. before and after stand around it on its line.
func WithMark(text, before string, mark Mark, after string) string {
	line := before + string(mark) + after
	if text == "" {
		return line
	}
	return text + "\n\n" + line
}

// CutMark finds the last mark in a text. Only the last one counts, because the text before
// it may quote another. rest is the text without it.
func CutMark(text, before, after string) (rest string, mark Mark) {
	i := strings.LastIndex(text, before+markPrefix)
	if i < 0 {
		return text, ""
	}
	word, tail, ok := text[i+len(before):], "", after == ""
	if end := strings.IndexAny(word, " \r\n<"); end >= 0 && after == "" {
		word, tail = word[:end], word[end:]
	} else if after != "" {
		word, tail, ok = strings.Cut(word, after)
	}
	if !ok || !IsMark(word) {
		return text, ""
	}
	return strings.TrimSpace(text[:i] + tail), Mark(word)
}
