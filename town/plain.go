package town

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// rewordings are texts of Go's libraries and of the database's protocol that say
// nothing to the person who reads them, and what they mean. They are tried in
// order.
var rewordings = []struct {
	raw   *regexp.Regexp
	plain string
}{
	{regexp.MustCompile(`context deadline exceeded(?: \(Client\.Timeout exceeded while awaiting headers\))?`), "it took too long"},
	{regexp.MustCompile(`\bi/o timeout\b`), "no answer in time"},
	{regexp.MustCompile(`context canceled`), "it was interrupted"},
	{regexp.MustCompile(`\b(?:unexpected )?EOF\b`), "it ended too early"},
	{regexp.MustCompile(`\bError \d{4} ?(?:\([0-9A-Z]{5}\))?: `), "the database says: "},
	{regexp.MustCompile(`\b(?:driver: bad connection|invalid connection|sql: connection is already closed|use of closed network connection)`), "the connection was lost"},
	{regexp.MustCompile(`\bsql: database is closed`), "the database was closed"},
	{regexp.MustCompile(`\bsql: no rows in result set`), "there is no such row"},
	{regexp.MustCompile(`\bdial (?:unix|tcp)[46]? ([^\s:]+|\[[^\]]*\]:\d+|[^\s:]+:\d+): (?:connect: )?`), "connect to $1: "},
	{regexp.MustCompile(`\blookup ([^\s:]+)(?: on [^\s]+)?: no such host`), "there is no host $1"},
	{regexp.MustCompile(`\blookup ([^\s:]+)(?: on [^\s]+)?: (?:server misbehaving|Temporary failure in name resolution)`), "no name server knows $1 for now"},
	{regexp.MustCompile(`\b(?:read|write) (?:unix|tcp|udp)[46]? \S*->\S+: (?:(?:read|write): )?(?:connection reset by peer|broken pipe)`), "the connection was lost"},
	{regexp.MustCompile(`\b(?:read|write): (?:connection reset by peer|broken pipe)`), "the connection was lost"},
	{regexp.MustCompile(`\bconnect: (connection refused|no such file or directory|permission denied|no route to host|network is unreachable)`), "$1"},
	{regexp.MustCompile(`\bexec: "([^"]*)": executable file not found in \$PATH`), "there is no program $1 in PATH"},
	{regexp.MustCompile(`\b(?:strconv\.(?:Parse)?[A-Z][A-Za-z]+: )?parsing ("(?:[^"\\]|\\.)*"): value out of range`), "$1 is too large"},
	{regexp.MustCompile(`\bstrconv\.(?:ParseBool): parsing ("(?:[^"\\]|\\.)*"): invalid syntax`), "$1 is neither true nor false"},
	{regexp.MustCompile(`\b(?:strconv\.(?:Parse)?[A-Z][A-Za-z]+: )parsing ("(?:[^"\\]|\\.)*"): invalid syntax`), "$1 is not a number"},
	{regexp.MustCompile(`\btime: (?:invalid duration|missing unit in duration|unknown unit "[^"]*" in duration) ("(?:[^"\\]|\\.)*")`), "$1 is not a duration such as 90s or 5m"},
	{regexp.MustCompile(`\bruntime error: `), "an error of the program: "},
	{regexp.MustCompile(`<nil>`), "nothing"},
	{regexp.MustCompile(`(?s)\s*goroutine \d+ \[.*`), ""},
}

// Plain puts an error's text into plain words: what libraries and the database's
// protocol call a failure is replaced by what it means. Every text of an error that
// a person reads passes through it.
func Plain(text string) string {
	for _, r := range rewordings {
		text = r.raw.ReplaceAllString(text, r.plain)
	}
	// The protocol repeats its prefix when a server passes an error on.
	const says = "the database says: "
	for strings.Contains(text, says+says) {
		text = strings.ReplaceAll(text, says+says, says)
	}
	return text
}

// Typed is a word that a person typed, for a message: as it is, or quoted when it is empty or
// has spaces or characters that a terminal does not show. It is at most about 100 bytes.
func Typed(word string) string {
	odd := func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }
	if clipped := Clip(word, 100); word != "" && utf8.ValidString(clipped) && !strings.ContainsFunc(clipped, odd) {
		return clipped
	}
	return strconv.Quote(Clip(word, 100))
}

// Worded is an error whose text is in plain words; it wraps err. It is nil for nil.
func Worded(err error) error {
	if err == nil {
		return nil
	}
	return worded{err}
}

type worded struct{ error }

func (w worded) Error() string { return Plain(w.error.Error()) }
func (w worded) Unwrap() error { return w.error }
