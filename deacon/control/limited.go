package control

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"gastown/town"
)

// minAgain and maxAgain bound the pause before a request over the limit is sent
// again.
const minAgain, maxAgain = 100 * time.Millisecond, 5 * time.Second

// ErrLimited reports a request that did not get its turn while its caller waited,
// because there are more than rate.requests_per_second. It wraps town.ErrBusy.
var ErrLimited = fmt.Errorf("%w: the Deacon has more requests than it takes a second", town.ErrBusy)

// defaultPatience is how long a request waits for its turn when its context has no
// deadline.
const defaultPatience = 10 * time.Second

// patient gives a context a deadline if it has none.
func patient(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ends := ctx.Deadline(); ends {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, defaultPatience)
}

// limited is an ErrLimited with the pause before the next attempt.
type limited struct {
	error
	again time.Duration
}

func (l *limited) Unwrap() error { return l.error }

// overLimit is the error for an answer which says that the request is over the
// limit.
func overLimit(what string, res *http.Response) error {
	seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
	if err != nil {
		seconds = 1
	}
	again := min(max(time.Duration(seconds)*time.Second, minAgain), maxAgain)
	return &limited{town.Fail("ask the Deacon for "+what, "run the command again; gt config rate.requests_per_second says how many",
		"%w", ErrLimited), again}
}
