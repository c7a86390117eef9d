package series

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
)

// lookEvery is how often the planes are read although nothing says that they changed.
const lookEvery = 5 * time.Minute

// figures are the Town's key figures at the last look.
type figures struct {
	// active counts polecats that have work or a session, stuck those of them that need a
	// person: stalled, waiting for a person, or dead.
	active, stuck int
	// merges counts open merge requests, mail unread messages.
	merges, mail int
}

// gauges are the key figures as metrics.
type gauges struct {
	polecats, queue, merging, stuck, unread *prometheus.GaugeVec
	asked                                   prometheus.Counter

	mu     sync.Mutex
	now    figures
	known  bool
	inputs string
	looked time.Time
}

func newGauges() *gauges {
	vector := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	return &gauges{
		polecats: vector("gt_polecats", "Polecats by rig and state.", "rig", "state"),
		queue:    vector("gt_queue_beads", "Beads of a rig that wait for a worker.", "rig"),
		merging:  vector("gt_merge_requests", "Open merge requests of a rig.", "rig"),
		stuck:    vector("gt_polecats_stuck", "Polecats that are stalled, wait for a person, or are dead."),
		unread:   vector("gt_mail_backlog_messages", "Unread messages in all mailboxes."),
		asked: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gt_rule_queries_total", Help: "Expressions of rules that were evaluated, because what they read may have changed.",
		}),
	}
}

// Metrics implements part.Measured.
func (g *gauges) Metrics() []prometheus.Collector {
	return []prometheus.Collector{g.polecats, g.queue, g.merging, g.stuck, g.unread, g.asked}
}

// reset forgets the figures.
func (g *gauges) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known, g.inputs = false, ""
	for _, v := range []*prometheus.GaugeVec{g.polecats, g.queue, g.merging, g.stuck, g.unread} {
		v.Reset()
	}
}

// figures returns the figures of the last look; false before the first.
func (g *gauges) figures() (figures, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now, g.known
}

// look reads the key figures, in three queries, if something may have changed.
func (p *Part) look(ctx context.Context) error {
	inputs, now := p.host.Inputs(), p.host.Now()
	p.gauges.mu.Lock()
	since := now.Sub(p.gauges.looked)
	same := p.gauges.known && inputs != "" && inputs == p.gauges.inputs && since >= 0 && since < lookEvery
	p.gauges.mu.Unlock()
	if same {
		return nil
	}
	var work operational.Work
	var boxes []ledger.Mailbox
	used, err := p.use(func() error {
		err := p.host.Operational(ctx, func(s *operational.Store) (err error) {
			work, err = s.Work(ctx)
			return err
		})
		return errors.Join(err, p.host.Ledger(ctx, func(l *ledger.Store) (err error) {
			boxes, err = l.AllUnread(ctx)
			return err
		}))
	})
	if err != nil || !used {
		return err
	}
	p.gauges.set(work, boxes)
	p.gauges.mu.Lock()
	defer p.gauges.mu.Unlock()
	p.gauges.inputs, p.gauges.looked = inputs, now
	return nil
}

// set makes the gauges show what was read.
func (g *gauges) set(work operational.Work, boxes []ledger.Mailbox) {
	g.mu.Lock()
	defer g.mu.Unlock()
	type key struct{ rig, state string }
	polecats, queue, merging := map[key]int{}, map[string]int{}, map[string]int{}
	f := figures{merges: len(work.Merges)}
	for _, a := range work.Agents {
		if a.Address.Kind != town.Polecat {
			continue
		}
		polecats[key{a.Address.Rig, string(a.State)}]++
		switch a.State {
		case town.AgentWaiting, town.AgentStalled, town.AgentZombie:
			f.stuck++
			f.active++
		case town.AgentWorking:
			f.active++
		}
	}
	for _, q := range work.Queue {
		queue[q.Rig]++
	}
	for _, m := range work.Merges {
		merging[m.Agent.Rig]++
	}
	for _, b := range boxes {
		f.mail += b.Unread
	}
	g.polecats.Reset()
	for k, n := range polecats {
		g.polecats.WithLabelValues(k.rig, k.state).Set(float64(n))
	}
	for vector, counts := range map[*prometheus.GaugeVec]map[string]int{g.queue: queue, g.merging: merging} {
		vector.Reset()
		for rig, n := range counts {
			vector.WithLabelValues(rig).Set(float64(n))
		}
	}
	g.stuck.WithLabelValues().Set(float64(f.stuck))
	g.unread.WithLabelValues().Set(float64(f.mail))
	g.now, g.known = f, true
}
