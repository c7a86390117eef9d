package tracker

import (
	"fmt"
	"time"

	"gastown/town"
)

// Errors of trackers that need a person. The other side did not do what it was asked for.
var (
	// ErrRefused: the tracker does not accept the request. Those below wrap it.
	ErrRefused = fmt.Errorf("%w: the tracker does not accept it", town.ErrRefused)
	// ErrDenied: it does not take the credentials, for no request at all.
	ErrDenied = fmt.Errorf("%w with these credentials", ErrRefused)
	// ErrGone: there is no such issue or place, or these credentials do not see it.
	ErrGone = fmt.Errorf("%w: it does not exist there, or the account may not see it", ErrRefused)
)

const (
	// soon is when to try again what failed by accident, longest the longest time that a
	// tracker may ask for.
	soon, longest = time.Minute, 2 * time.Hour
	// maxWords bounds what a tracker says in an error, in bytes.
	maxWords = 400
)

// LaterError reports that the tracker cannot do it now.
type LaterError struct {
	// After is when it may be asked again.
	After time.Duration
	// Whole: nothing at all is to be asked before. Otherwise only this request failed.
	Whole bool
	Why   string
}

func (e *LaterError) Error() string {
	return fmt.Sprintf("%s; again in %s", e.Why, e.After.Round(time.Second))
}

// Unwrap makes it a town.ErrBusy.
func (e *LaterError) Unwrap() error { return town.ErrBusy }

// Later builds a LaterError for a whole tracker, with a time within bounds.
func Later(after time.Duration, format string, args ...any) error {
	return &LaterError{After: min(max(after, time.Second), longest), Whole: true, Why: fmt.Sprintf(format, args...)}
}
