// Package federation is the part of the Deacon that exchanges with the Town's
// federation remotes: regularly, when a person or a hook asks, and when a Git host
// reports that something arrived. It watches when the last sync with each remote
// was.
package federation

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"gastown/deacon/check"
	"gastown/deacon/part"
	"gastown/deacon/schedule"
	"gastown/planes/operational"
	"gastown/sync/federate"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/instance"
)

// job is the name of the row of jobs. Each remote has its own job, so that a remote
// that does not answer does not delay others.
const job = "federation-sync"

const (
	// maxPause is the longest pause between attempts at a remote that fails.
	maxPause = time.Hour
	// atOnce is how many remotes are synced at the same time. A remote that does
	// not answer occupies a place until its deadline.
	atOnce = 16
)

// Host is what the part needs of the Deacon.
type Host interface {
	Runs
	Log() logrus.FieldLogger
	Now() time.Time
	Started() time.Time
	Config() *config.Config
	// Role is what this directory is to its Town. One that is not active publishes nothing.
	Role() instance.Role
	// Engine returns a new engine; each sync uses one of its own.
	Engine(*config.Config) *federate.Engine
	Operational(context.Context, func(*operational.Store) error) error
	// Verify says whether a notification is authentic.
	Verify(*http.Request) error
}

// Runs lets others run jobs now.
type Runs interface {
	// StartJob has a job run now and does not wait for it.
	StartJob(name string) error
	// DoJobs has jobs run now, side by side, and waits for all.
	DoJobs(ctx context.Context, names []string) ([]schedule.Run, error)
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct {
	host   Host
	pushes pushes
	// answers are what arrived from each remote when the Deacon asked at its start, until
	// a sync tells of it: texts by the remote's name.
	answers  sync.Map
	verified *prometheus.GaugeVec
	failing  *prometheus.GaugeVec
	reviews  prometheus.Gauge
}

var (
	_ part.Scheduled  = (*Part)(nil)
	_ part.Checked    = (*Part)(nil)
	_ part.Measured   = (*Part)(nil)
	_ part.Controlled = (*Part)(nil)
	_ part.Web        = (*Part)(nil)
	_ part.Reloaded   = (*Part)(nil)
	_ part.Asked      = (*Part)(nil)
	_ part.Asking     = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part {
	return &Part{
		host: h,
		verified: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "gt_federation_last_verified_time_seconds",
			Help: "When a remote last confirmed an exchange, in Unix time; 0 for never."}, []string{"remote"}),
		failing: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "gt_federation_failing",
			Help: "Whether the last pull from a remote, or the last push to it, failed: 0 or 1."}, []string{"remote", "direction"}),
		reviews: prometheus.NewGauge(prometheus.GaugeOpts{Name: "gt_federation_open_reviews", Help: "Conflicts that wait for a person."}),
	}
}

// Name implements part.Part.
func (p *Part) Name() string { return "federation" }

// Metrics implements part.Measured.
func (p *Part) Metrics() []prometheus.Collector {
	return []prometheus.Collector{p.verified, p.failing, p.reviews}
}

// Reload implements part.Reloaded: it forgets the figures of remotes that were
// removed.
func (p *Part) Reload(before, now *config.Config) {
	for _, r := range before.Remotes {
		if _, still := now.Remote(r.Name); !still {
			p.verified.DeleteLabelValues(r.Name)
			p.failing.DeletePartialMatch(prometheus.Labels{"remote": r.Name})
			p.pushes.forget(r.Name)
		}
	}
}

// Jobs implements part.Scheduled.
func (p *Part) Jobs(cfg *config.Config) []schedule.Job {
	interval := part.Duration(cfg, "federation.interval")
	names := []string{}
	for _, r := range cfg.Remotes {
		names = append(names, r.Name)
	}
	return []schedule.Job{{
		Name: job, Help: "exchange with each federation remote", Keys: names, AtOnce: atOnce,
		Schedule: "@every " + interval.String(), Jitter: min(30*time.Second, interval/10),
		Deadline: 5 * time.Minute, Overlap: schedule.Follow, MaxPause: maxPause, RunKey: p.sync,
	}}
}

// Asked implements part.Asked: somebody wants a sync now, with its push.
func (p *Part) Asked(name string) {
	if remote, ok := strings.CutPrefix(name, schedule.KeyedName(job, "")); ok {
		p.pushes.forget(remote)
	}
}

// sync exchanges with one remote, and tells of what arrived at the start.
func (p *Part) sync(ctx context.Context, name string) (string, error) {
	did, err := p.exchange(ctx, name)
	if err != nil {
		return did, err
	}
	return p.withAnswer(name, did), nil
}

// exchange exchanges with one remote, and says what it did.
func (p *Part) exchange(ctx context.Context, name string) (string, error) {
	cfg := p.host.Config()
	r, ok := cfg.Remote(name)
	if !ok {
		return "", nil // the remote was removed a moment ago
	}
	engine, remote := p.host.Engine(cfg), federate.Configured(r)
	known, err := engine.Contacts([]federate.Remote{remote})
	if err != nil {
		return "", err
	}
	if !known[0].Confirmed {
		// Only a person may decide to exchange with the remote, so this is not a
		// failure.
		return "", nil
	}
	began := p.host.Now()
	if p.host.Role() != instance.Active {
		pulled, err := engine.Pull(ctx, remote, false)
		return summary(federate.Synced{Pulled: pulled}), err
	}
	if ok, wait := p.pushes.due(name, began); !ok && known[0].Push.Failing {
		return p.onlyPull(ctx, engine, known[0], wait)
	}
	out, err := engine.Sync(ctx, remote, false)
	if err == nil {
		p.pushes.forget(name)
		return summary(out), nil
	}
	if after, unknown := engine.Contacts([]federate.Remote{remote}); unknown == nil {
		if c := after[0]; c.Push.Failing && !c.Pull.Failing && c.Push.Failed != known[0].Push.Failed {
			p.pushes.failed(name, began)
			return summary(out), schedule.KeepPace(err)
		}
	}
	return "", err
}

// onlyPull is a sync with a remote to which pushes fail, until the next push is due.
func (p *Part) onlyPull(ctx context.Context, engine *federate.Engine, c federate.Contact, wait time.Duration) (note string, err error) {
	var out federate.Synced
	if out.Recorded, err = engine.Commit(ctx, ""); err != nil {
		return "", err
	}
	if out.Pulled, err = engine.Pull(ctx, c.Remote, false); err != nil {
		return "", err
	}
	return summary(out), schedule.KeepPace(town.Fail("push to "+c.Name, "gt federation push --remote "+c.Name+" tries now",
		"pushes fail, and the next one is due in %s; pulls go on: %s", wait.Round(time.Second), c.Push.Error))
}

// summary describes what a sync did; "" for nothing. Reviews wait for a person, so
// they are not a failure.
func summary(out federate.Synced) string {
	var did []string
	add := func(n int, what string) {
		if n > 0 {
			did = append(did, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(out.Recorded.Edits, "edit(s) recorded")
	add(out.Pulled.Commits, "commit(s) merged")
	add(out.Pulled.Documents, "file(s) written")
	add(out.Pulled.Removed, "file(s) removed")
	if names := out.Arrived().Brief(); names != "" {
		did = append(did, "changed by others: "+names)
	}
	add(out.Pushed.Commits, "commit(s) published")
	add(out.Pulled.Records, "record(s) of other Towns arrived")
	if s := out.Pushed.Shared; s != nil {
		add(s.Put, "record(s) shared")
		add(s.Removed, "record(s) taken back")
		add(s.Held, "record(s) still shared although no rule is left, wait for a person: gt federation push")
		add(len(s.Waiting), "rule(s) for sharing wait for a person: gt federation push")
	}
	if len(did) > 0 {
		add(max(out.Pulled.Reviews, out.Pushed.Reviews), "review(s) open")
	}
	return strings.Join(did, ", ")
}

// Checks implements part.Checked.
func (p *Part) Checks(cfg *config.Config) []check.Check {
	return []check.Check{check.Federation{
		Contacts: func(context.Context) ([]check.Contact, error) { return p.contacts(cfg) }, Reviews: p.openReviews,
		Warning: part.Duration(cfg, "deacon.sync_warning"), Critical: part.Duration(cfg, "deacon.sync_critical"),
		Since: p.host.Started(), Seen: p.seen, Now: p.host.Now,
	}.Check()}
}

// contacts is the last known state of each remote.
func (p *Part) contacts(cfg *config.Config) (all []check.Contact, err error) {
	known, err := p.host.Engine(cfg).Contacts(federate.ConfiguredAll(cfg.Remotes))
	for _, c := range known {
		all = append(all, check.Contact{Remote: c.Name, Confirmed: c.Confirmed, Verified: c.Verified, Pull: attempts(c.Pull), Push: attempts(c.Push)})
	}
	return all, err
}

func attempts(a federate.Attempts) check.Attempts {
	return check.Attempts{Succeeded: a.Succeeded, Failing: a.Failing, Error: a.Error}
}

// openReviews counts the conflicts that wait for a person.
func (p *Part) openReviews(ctx context.Context) (n int, err error) {
	err = p.host.Operational(ctx, func(s *operational.Store) error {
		all, err := s.OpenReviews(ctx)
		n = len(all)
		return err
	})
	return n, err
}

// seen passes the figures of the check to the metrics.
func (p *Part) seen(contacts []check.Contact, reviews int) {
	for _, c := range contacts {
		at := 0.0
		if !c.Verified.IsZero() {
			at = float64(c.Verified.UnixNano()) / 1e9
		}
		p.verified.WithLabelValues(c.Remote).Set(at)
		for direction, a := range map[string]check.Attempts{"pull": c.Pull, "push": c.Push} {
			value := 0.0
			if a.Failing {
				value = 1
			}
			p.failing.WithLabelValues(c.Remote, direction).Set(value)
		}
	}
	p.reviews.Set(float64(reviews))
}
