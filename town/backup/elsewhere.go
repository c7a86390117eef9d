package backup

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gastown/town"
)

// unread is an error of a destination that cannot be read.
type unread struct{ error }

func (u unread) Unwrap() error { return u.error }

// Elsewhere reports whether another destination may serve after a failure: the one that was
// used cannot be read, has no such point, or has a damaged one.
func Elsewhere(err error) bool {
	var u unread
	return errors.As(err, &u) || errors.Is(err, ErrNoPoint) || errors.Is(err, ErrDamaged)
}

// Passed is a destination that a restore did not use, and why.
type Passed struct {
	Destination string
	Err         error
}

// From calls restore for one destination after the other, until one serves. It goes on only
// while nothing was replaced and Elsewhere says that the next one may serve. So all of a
// restore comes from one destination, which is to.
func (k *Keeper) From(ctx context.Context, places []Destination, restore func(Destination) (Restored, error)) (to Destination, out Restored, passed []Passed, err error) {
	for _, to = range places {
		out, err = restore(to)
		if err == nil || ctx.Err() != nil || out.Kept != "" || !Elsewhere(err) {
			return to, out, passed, err
		}
		passed = append(passed, Passed{to.Name, err})
	}
	if len(passed) == 1 {
		return to, out, nil, err
	}
	return to, out, nil, none(passed)
}

// none is the error when no destination served. Its step is for the first that may have the
// point.
func none(passed []Passed) error {
	next, causes := "gt backup list --to "+passed[0].Destination, make([]any, len(passed))
	for i, p := range passed {
		causes[i] = fmt.Errorf("%s: %w", p.Destination, p.Err)
	}
	for _, p := range passed {
		if advice := town.Next(p.Err); advice != "" && !errors.Is(p.Err, ErrNoPoint) {
			next = advice
			break
		}
	}
	return town.Fail("no destination serves", next, strings.TrimSuffix(strings.Repeat("%w; ", len(causes)), "; "), causes...)
}
