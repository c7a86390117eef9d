package gitcmd

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The failures that may pass are ErrBroken and ErrBusy. The caller decides whether to
// try again, and when.

// breaks are words for a connection that was made and broke.
var breaks = []string{"connection reset", "connection closed", "closed by remote host", "broken pipe", "early eof", "unexpected eof", "unexpected disconnect",
	"hung up", "rpc failed", "empty reply", "transfer closed", "expected flush", "expected packfile", "expected 'packfile", "bad line length"}

// status finds the answer of an HTTP server.
var status = regexp.MustCompile(`returned error: ([1-5][0-9][0-9])\b`)

// remainder is how git counts what a connection that broke did not bring. The number
// is no status.
var remainder = regexp.MustCompile(`\b[0-9]+ bytes of (?:body|length header) are still expected`)

// broke reports whether a connection broke, by the words of a git that ended with
// ErrUnreachable. Damaged data at the remote ends a connection too, and so does a
// server with an error of its own; they do so each time.
func broke(text string) bool {
	t := strings.ToLower(text)
	if m := status.FindStringSubmatch(t); m != nil {
		return m[1] == "502" || m[1] == "504" // a proxy that does not reach its server
	}
	for line := range strings.Lines(t) {
		if strings.HasPrefix(line, "remote: fatal: ") || strings.HasPrefix(line, "remote: error: ") {
			return false
		}
	}
	return slices.ContainsFunc(breaks, func(words string) bool { return strings.Contains(t, words) })
}

// asksToWait is an ErrBusy of a server that says when to come again.
type asksToWait struct{ after time.Duration }

func (a *asksToWait) Error() string {
	return ErrBusy.Error() + " (it asks to wait " + a.after.String() + ")"
}
func (a *asksToWait) Unwrap() error { return ErrBusy }

// RetryAfter is how long a server that is too busy asks to wait before the next
// attempt; 0 when it does not say.
func RetryAfter(err error) time.Duration {
	var a *asksToWait
	if errors.As(err, &a) {
		return a.after
	}
	return 0
}

// traced makes git write the headers of HTTP to its standard error: nothing else of it
// says when a server that is too busy wants to be asked again. Git leaves out logins.
var traced = []string{"GIT_TRACE_CURL=2", "GIT_TRACE_CURL_NO_DATA=1", "GIT_TRACE_BARE=1"}

// trace matches the beginning of a line that git prints because of traced.
var trace = regexp.MustCompile(`^(?:== Info|[<=][=>] (?:Send|Recv) (?:header|data|SSL data))(?:[:,]|$)`)

var retryAfter = regexp.MustCompile(`(?i)^<= Recv header: retry-after: *([^\r\n]{1,40})$`)

// maxRetryAfter bounds the wait that a server may ask for.
const maxRetryAfter = 24 * time.Hour

// wish is how long a header asks to wait: a number of seconds, or a time.
func wish(value string) time.Duration {
	value = strings.TrimSpace(value)
	if n, err := strconv.ParseUint(value, 10, 32); err == nil {
		return min(time.Duration(n)*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(0, time.Until(at)).Round(time.Second), maxRetryAfter)
	}
	return 0
}
