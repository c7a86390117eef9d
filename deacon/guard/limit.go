package guard

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// PatienceHeader says how long a client waits for its turn, in milliseconds.
	PatienceHeader = "Gt-Patience"
	// WaitingHeader, in an interim answer (102), says what the client waits for.
	WaitingHeader = "Gt-Waiting"
	// maxPatience is the longest wait a client may ask for.
	maxPatience = 5 * time.Minute
)

// LimitOptions say how a Limiter admits requests.
type LimitOptions struct {
	// Queue is how many requests may wait for their turn. With 0, requests over the
	// limit are refused at once.
	Queue int
	// Exempt says which requests are neither counted nor delayed. May be nil.
	Exempt func(*http.Request) bool
	// Delayed is called for each request that had to wait. May be nil.
	Delayed func()
}

// Limiter admits a number of requests a second, and a burst above that. Requests
// are admitted in the order in which they came. Its methods may be called from many
// goroutines.
type Limiter struct {
	opts    LimitOptions
	rate    *rate.Limiter
	mu      sync.Mutex
	waiting int
}

// NewLimiter admits perSecond requests a second, and burst at once.
func NewLimiter(perSecond, burst int, o LimitOptions) *Limiter {
	return &Limiter{opts: o, rate: rate.NewLimiter(rate.Limit(perSecond), burst)}
}

// Set changes the limit for later requests.
func (l *Limiter) Set(perSecond, burst int) {
	l.rate.SetLimit(rate.Limit(perSecond))
	l.rate.SetBurst(burst)
}

// Handler is h behind the limit. A request is refused with 429 and Retry-After when
// the queue is full, or when its turn comes later than its client waits. Serve it
// with Serve.
func (l *Limiter) Handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.opts.Exempt != nil && l.opts.Exempt(r) || l.admit(w, r) {
			h.ServeHTTP(w, r)
		}
	})
}

// admit waits for the request's turn. When it returns false, it has already
// answered.
func (l *Limiter) admit(w http.ResponseWriter, r *http.Request) bool {
	turn, delay, ahead, ok := l.turn(patience(r))
	switch {
	case !ok:
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(delay.Seconds()))))
		Refuse(w, r, Limited, http.StatusTooManyRequests)
		return false
	case delay == 0:
		return true
	}
	defer l.leave()
	if l.opts.Delayed != nil {
		l.opts.Delayed()
	}
	text := fmt.Sprintf("at most %v a second (rate.requests_per_second)", float64(l.rate.Limit()))
	if ahead > 0 {
		text += fmt.Sprintf("; %d came before", ahead)
	}
	w.Header().Set(WaitingHeader, text)
	w.WriteHeader(http.StatusProcessing)
	w.Header().Del(WaitingHeader)
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		turn.Cancel()
		// Without an answer, the end of the server would look like success to the
		// client.
		http.Error(w, "stopped", http.StatusServiceUnavailable)
		return false
	}
}

// turn reserves the next turn, which comes after delay, and a place in the queue
// until then. ok is false when that is too late for the client, or when the queue
// is full.
func (l *Limiter) turn(patience time.Duration) (turn *rate.Reservation, delay time.Duration, ahead int, ok bool) {
	l.mu.Lock() // a turn that is cancelled must be given back before the next request
	defer l.mu.Unlock()
	turn = l.rate.Reserve()
	delay = turn.Delay()
	switch {
	case delay == 0:
		return turn, 0, 0, true
	case delay > patience || l.waiting >= l.opts.Queue:
		turn.Cancel()
		return turn, delay, 0, false
	}
	l.waiting++
	return turn, delay, l.waiting - 1, true
}

func (l *Limiter) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting--
}

// patience is how long the client waits; 0 when the request does not say.
func patience(r *http.Request) time.Duration {
	ms, err := strconv.ParseInt(r.Header.Get(PatienceHeader), 10, 64)
	if err != nil || ms < 0 {
		return 0
	}
	return min(time.Duration(min(ms, maxPatience.Milliseconds()))*time.Millisecond, maxPatience)
}
