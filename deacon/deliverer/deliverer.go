// Package deliverer is the part of the Deacon that types nudges into sessions and tells
// agents of new mail. A pass comes every half minute, and at once after a nudge or a
// message was stored. Without a Deacon, gt nudge runs a pass itself.
package deliverer

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"gastown/deacon/check"
	"gastown/deacon/part"
	"gastown/deacon/schedule"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town/config"
	"gastown/town/feed"
	"gastown/town/mail"
)

const (
	// job is the name of the job.
	job = "deliver"
	// glance is the pause between two passes while a nudge waits for a session that
	// is there; watchFor is how long one run goes on so.
	glance   = 2 * time.Second
	watchFor = 20 * time.Second
	// lateNudge is how old the oldest nudge that waits for a session may be before the
	// check warns, and lateMany how many may wait.
	lateNudge = 10 * time.Minute
	lateMany  = 50
)

// Typing returns the sessions of the Town's agents, for a configuration.
type Typing func(*config.Config) (mail.Sessions, error)

// Host is what the part needs of the Deacon.
type Host interface {
	Config() *config.Config
	Log() logrus.FieldLogger
	Now() time.Time
	Inputs() string
	Operational(context.Context, func(*operational.Store) error) error
	Ledger(context.Context, func(*ledger.Store) error) error
	Typing() Typing
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct {
	*part.Rest
	host  Host
	pause time.Duration // between two passes of a run

	mu   sync.Mutex
	last mail.Report // what the last pass found
	seen bool        // there was a pass

	waiting, unread prometheus.Gauge
	oldest          prometheus.GaugeFunc
	done            *prometheus.CounterVec
	told            prometheus.Counter
	latency         prometheus.Histogram
}

var (
	_ part.Scheduled = (*Part)(nil)
	_ part.Woken     = (*Part)(nil)
	_ part.Asked     = (*Part)(nil)
	_ part.Checked   = (*Part)(nil)
	_ part.Measured  = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part {
	p := &Part{
		host: h, pause: glance, Rest: part.NewRest(job, h),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{Name: "gt_nudges_waiting", Help: "Nudges that wait to be typed."}),
		unread:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "gt_mail_unread", Help: "Unread messages in the mailboxes of agents."}),
		done:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gt_nudges_total", Help: "Nudges by what became of them."}, []string{"state"}),
		told:    prometheus.NewCounter(prometheus.CounterOpts{Name: "gt_mail_notices_total", Help: "Notices of new mail to agents."}),
	}
	p.latency = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "gt_mail_delivery_duration_seconds", Help: "Time from a message until its agent, which runs, was told of it.",
		Buckets: []float64{.1, .25, .5, 1, 2, 5, 10, 60, 600},
	})
	p.oldest = prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "gt_nudges_oldest_seconds", Help: "Age of the oldest nudge that waits."}, func() float64 {
		return p.age().Seconds()
	})
	for _, s := range operational.NudgeStates {
		if !s.Open() {
			p.done.WithLabelValues(string(s))
		}
	}
	return p
}

// Woken implements part.Woken.
func (p *Part) Woken() (string, func(kind string) bool) { return job, wakes }

// Name implements part.Part.
func (p *Part) Name() string { return "deliverer" }

// Metrics implements part.Measured.
func (p *Part) Metrics() []prometheus.Collector {
	return []prometheus.Collector{p.waiting, p.unread, p.oldest, p.done, p.told, p.latency}
}

// Jobs implements part.Scheduled.
func (p *Part) Jobs(*config.Config) []schedule.Job {
	return []schedule.Job{{
		Name: job, Acts: true, Help: "type nudges into sessions, tell agents of mail", Schedule: "@every 30s", Deadline: 5 * time.Minute,
		Overlap: schedule.Follow, Run: p.run,
	}}
}

// wakes reports whether an event may mean that there is something to deliver.
func wakes(kind string) bool {
	return kind == operational.NudgeAdded || kind == feed.MailSent || kind == operational.SessionStarted
}

// run is one run of the job.
func (p *Part) run(ctx context.Context) (string, error) { return p.Rest.Run(ctx, p.passes) }

// passes are passes while a nudge waits for a session that is there. Without nudges and
// without unread mail of agents there is nothing to do until something changes.
func (p *Part) passes(ctx context.Context) (note string, due time.Time, err error) {
	sessions, err := p.host.Typing()(p.host.Config())
	if err != nil {
		return "", due, err
	}
	d := &mail.Deliverer{Operational: p.host.Operational, Ledger: p.host.Ledger, Sessions: sessions, Now: p.host.Now}
	total := mail.Report{Done: map[operational.NudgeState]int{}}
	for end := p.host.Now().Add(watchFor); ; {
		r, err := d.Pass(ctx)
		p.note(r, err == nil)
		total.Told += r.Told
		for s, n := range r.Done {
			total.Done[s] += n
		}
		if err != nil {
			return summary(total), due, err
		}
		if r.Told+r.Waiting+r.Unread+len(r.Done)+len(r.Spoilt) == 0 {
			due = part.Never
		}
		if r.Told == 0 && r.Reachable == 0 || !p.host.Now().Before(end) {
			return summary(total), due, nil
		}
		select {
		case <-ctx.Done():
			return summary(total), due, ctx.Err()
		case <-time.After(p.pause):
		}
		if err := schedule.Yield(ctx); err != nil {
			return summary(total), due, err
		}
	}
}

// note keeps what a pass found, for metrics and the check.
func (p *Part) note(r mail.Report, ok bool) {
	for s, n := range r.Done {
		if !s.Open() {
			p.done.WithLabelValues(string(s)).Add(float64(n))
		}
	}
	p.told.Add(float64(r.Told))
	for _, delay := range r.Delays {
		p.latency.Observe(delay.Seconds())
	}
	if !ok {
		return
	}
	p.waiting.Set(float64(r.Waiting))
	p.unread.Set(float64(r.Unread))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last, p.seen = r, true
}

// age is how long the oldest nudge waits.
func (p *Part) age() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last.Waiting == 0 || p.last.Oldest.IsZero() {
		return 0
	}
	return max(p.host.Now().Sub(p.last.Oldest), 0)
}

// summary says what a run did; "" for nothing.
func summary(r mail.Report) string {
	var parts []string
	for _, s := range operational.NudgeStates {
		if n := r.Done[s]; n > 0 && !s.Open() {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	if r.Told > 0 {
		parts = append(parts, fmt.Sprintf("%d notice(s) of mail", r.Told))
	}
	return strings.Join(parts, ", ")
}

// Checks implements part.Checked. The check looks at what the last pass found.
func (p *Part) Checks(*config.Config) []check.Check {
	return []check.Check{{Name: "nudges", Help: "nudges that wait to be typed", Run: func(context.Context) (check.Result, error) {
		p.mu.Lock()
		r, seen := p.last, p.seen
		p.mu.Unlock()
		age := p.age()
		out := check.Result{
			State: check.Healthy, Figure: fmt.Sprintf("%d waiting", r.Waiting),
			Threshold: fmt.Sprintf("%d for sessions that are there, or one older than %s", lateMany, lateNudge), Details: r.Spoilt,
		}
		if !seen {
			out.Figure = "no pass yet"
		}
		if r.Waiting > 0 {
			out.Figure += fmt.Sprintf(", the oldest for %s", age.Round(time.Second))
		}
		if r.Reachable > lateMany || r.Reachable > 0 && age > lateNudge || len(r.Spoilt) > 0 {
			out.State, out.Next = check.Warning, "gt nudge list shows them, gt peek AGENT the session"
		}
		return out, nil
	}}}
}
