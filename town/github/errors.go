package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/google/go-github/v91/github"

	"gastown/town"
)

// The kinds of refusals. Each needs a person.
var (
	// ErrDenied: the host does not let this token do that.
	ErrDenied = fmt.Errorf("%w: the host does not allow it", town.ErrRefused)
	// ErrNotThere: there is no such repository or pull request, or this token does not see it.
	ErrNotThere = errors.New("the host does not know it, or hides it from this token")
	// ErrInvalid: the host does not take what was asked for.
	ErrInvalid = errors.New("the host does not accept it")
)

const (
	// soon is when to try again what failed by accident, longest the longest time that a
	// host may ask for.
	soon, longest = time.Minute, 2 * time.Hour
	// maxWords bounds what a host says in an error, in bytes.
	maxWords = 400
)

// LaterError reports that the host cannot be asked now: it is asked too often, it is ill,
// or it is not reached.
type LaterError struct {
	// After is when it may be asked again.
	After time.Duration
	Why   string
}

func (e *LaterError) Error() string {
	return fmt.Sprintf("%s; again in %s", e.Why, e.After.Round(time.Second))
}

// Unwrap makes it a town.ErrBusy.
func (e *LaterError) Unwrap() error { return town.ErrBusy }

func later(after time.Duration, format string, args ...any) error {
	return &LaterError{After: min(max(after, time.Second), longest), Why: fmt.Sprintf(format, args...)}
}

// explain tells what an error of the library means. The library's own text has the
// address of a request, and no header.
func (h *Host) explain(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	now := h.now()
	var limited *github.RateLimitError
	var abused *github.AbuseRateLimitError
	var answer *github.ErrorResponse
	var moved *github.RedirectionError
	next := fmt.Sprintf("let the token in %s read and write pull requests of %s", h.tokenName, h.repository)
	elsewhere := next + "; or name the repository in config/rigs.yaml: pull_requests"
	switch {
	case errors.As(err, &limited):
		return later(limited.Rate.Reset.Sub(now), "%s: the host was asked too often", op)
	case errors.As(err, &abused):
		after := soon
		if abused.RetryAfter != nil {
			after = *abused.RetryAfter
		}
		return later(after, "%s: the host was asked too often", op)
	case errors.As(err, &moved):
		return town.Fail(op, elsewhere, "%w (%d): it moved", ErrNotThere, moved.StatusCode)
	case !errors.As(err, &answer) || answer.Response == nil:
		return later(soon, "%s: the host did not answer: %s", op, h.plain(err.Error()))
	}
	code, words := answer.Response.StatusCode, h.words(answer)
	if after := retryAfter(answer.Response, now); after > 0 {
		return later(after, "%s: the host asks to wait (%d)", op, code)
	}
	switch {
	case code == http.StatusUnauthorized:
		return town.Fail(op, "put a token that counts into "+h.tokenName+", and restart the Deacon", "%w (401): %s", ErrDenied, words)
	case code == http.StatusForbidden:
		return town.Fail(op, next, "%w (403): %s", ErrDenied, words)
	case code == http.StatusNotFound, code == http.StatusGone:
		return town.Fail(op, elsewhere, "%w (%d): %s", ErrNotThere, code, words)
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code >= 500:
		return later(soon, "%s: the host cannot answer (%d)", op, code)
	}
	return town.Fail(op, "look at the repository's settings for pull requests", "%w (%d): %s", ErrInvalid, code, words)
}

// words is what the host says, hostile text.
func (h *Host) words(answer *github.ErrorResponse) string {
	all := []string{answer.Message}
	for _, e := range answer.Errors {
		all = append(all, strings.Join(strings.Fields(strings.Join([]string{e.Field, e.Code, e.Message}, " ")), " "))
	}
	return h.plain(strings.Join(all, "; "))
}

// plain makes text one line without control characters and without the token, which a
// host may repeat.
func (h *Host) plain(text string) string {
	text = strings.ReplaceAll(text, h.token, "[token]")
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, town.Plain(text))
	return town.Clip(strings.Join(strings.Fields(text), " "), maxWords)
}

// retryAfter reads the header of that name: seconds or a date; zero for none.
func retryAfter(r *http.Response, now time.Time) time.Duration {
	value := r.Header.Get("Retry-After")
	if n, err := strconv.Atoi(value); err == nil && n > 0 {
		return time.Duration(min(n, int(longest/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return at.Sub(now)
	}
	return 0
}
