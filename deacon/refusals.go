package deacon

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// refusalsEvery is how often a reason is logged after the first three.
const refusalsEvery = 10 * time.Second

// refusals counts and logs what a listener refuses that no guard stands before.
type refusals struct {
	d        *Deacon
	listener string

	mu   sync.Mutex
	told map[string]*rate.Sometimes
}

func (d *Deacon) refusals(listener string) *refusals {
	return &refusals{d: d, listener: listener, told: map[string]*rate.Sometimes{}}
}

// add counts one and logs some.
func (r *refusals) add(reason string) {
	r.d.metrics.Refused(r.listener, reason)
	r.mu.Lock()
	some := r.told[reason]
	if some == nil {
		some = &rate.Sometimes{First: 3, Interval: refusalsEvery}
		r.told[reason] = some
	}
	r.mu.Unlock()
	some.Do(func() {
		r.d.log.WithField("listener", r.listener).WithField("reason", reason).Warn("a connection was refused")
	})
}
