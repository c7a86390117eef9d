// Package heartbeat is the part of the Deacon that knows which agents are alive. It
// accepts their heartbeats, records them in the operational plane, and lists the
// agents with a recent heartbeat, including those that an earlier Deacon recorded.
package heartbeat

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gastown/cache"
	"gastown/deacon/control"
	"gastown/deacon/guard"
	"gastown/deacon/part"
	"gastown/planes/operational"
	"gastown/town"
)

// life is how long an agent counts as alive after its last heartbeat.
const life = 5 * time.Minute

// Host is what the part needs of the Deacon.
type Host interface {
	Now() time.Time
	Operational(context.Context, func(*operational.Store) error) error
	// Beat records a heartbeat. Written returns a value that changes whenever some
	// were written.
	Beat(operational.Heartbeat) error
	Written() string
	// Budget is the memory that all caches share; nil while caches are disabled.
	Budget() *cache.Budget
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct {
	host Host
	list list // the heartbeats that were written, read back

	mu   sync.Mutex
	seen map[string]control.Agent // the last heartbeat of each agent since the start

	beats  prometheus.Counter
	agents prometheus.GaugeFunc
}

var (
	_ part.Controlled = (*Part)(nil)
	_ part.Measured   = (*Part)(nil)
	_ part.Reporting  = (*Part)(nil)
	_ part.Caching    = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part {
	p := &Part{host: h, list: list{host: h}, seen: map[string]control.Agent{}}
	p.beats = prometheus.NewCounter(prometheus.CounterOpts{Name: "gt_deacon_heartbeats_total", Help: "Heartbeats that were taken."})
	p.agents = prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "gt_agents", Help: "Agents whose heartbeat was seen lately."},
		func() float64 { return float64(p.count()) })
	return p
}

// Name implements part.Part.
func (p *Part) Name() string { return "heartbeat" }

// Metrics implements part.Measured.
func (p *Part) Metrics() []prometheus.Collector { return []prometheus.Collector{p.beats, p.agents} }

// Status implements part.Reporting.
func (p *Part) Status(s *control.Status) { s.Agents = p.count() }

// Control implements part.Controlled.
func (p *Part) Control(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/heartbeat", func(w http.ResponseWriter, r *http.Request) {
		var in control.Heartbeat
		if !guard.ReadJSON(w, r, &in) {
			return
		}
		if err := in.Validate(); err != nil {
			guard.Refuse(w, r, guard.Malformed, http.StatusBadRequest)
			return
		}
		control.Reply(w, struct{}{}, p.take(r.Context(), in))
	})
	mux.HandleFunc("GET /v1/agents", func(w http.ResponseWriter, r *http.Request) {
		all, err := p.alive(r.Context())
		control.Reply(w, all, err)
	})
}

// take accepts a heartbeat, unless it is one of a run that is over.
func (p *Part) take(ctx context.Context, h control.Heartbeat) error {
	at := p.host.Now()
	p.mu.Lock()
	last := p.seen[h.Agent]
	p.mu.Unlock()
	newest := last.Run
	if at.Sub(last.At) > life { // also when nobody of that name was heard yet
		newest = p.run(ctx, h)
	}
	if h.Run > 0 && h.Run < newest {
		return control.OldRun(h, newest)
	}
	if err := p.host.Beat(operational.Heartbeat{Agent: h.Agent, State: h.State, Note: h.Note, Run: town.Run(h.Run), At: at}); err != nil {
		return err
	}
	h.Run = max(h.Run, newest)
	p.mu.Lock()
	p.seen[h.Agent] = control.Agent{Heartbeat: h, At: at.UTC()}
	p.mu.Unlock()
	p.beats.Inc()
	return nil
}

// run is the number of the agent's newest session, as its row says; 0 when that is not
// known, which makes no heartbeat wait: those of old runs are left out when they are
// written.
func (p *Part) run(ctx context.Context, h control.Heartbeat) int64 {
	if h.Run == 0 {
		return 0
	}
	var run town.Run
	err := p.host.Operational(ctx, func(s *operational.Store) (err error) {
		run, err = s.RunOf(ctx, h.Agent)
		return err
	})
	if err != nil {
		return 0
	}
	return int64(run)
}

// count is how many agents sent a heartbeat lately, since the start. It forgets the
// others.
func (p *Part) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for agent, a := range p.seen {
		if p.host.Now().Sub(a.At) > life {
			delete(p.seen, agent)
		}
	}
	return len(p.seen)
}

// alive lists the agents with a recent heartbeat, by name. The written ones are
// read once, and again after more were written; later ones are in memory.
func (p *Part) alive(ctx context.Context) ([]control.Agent, error) {
	written, err := p.list.load(ctx, p.host.Written(), func(ctx context.Context) (all []control.Agent, err error) {
		err = p.host.Operational(ctx, func(s *operational.Store) error {
			beats, err := s.Heartbeats(ctx, p.host.Now().Add(-life))
			for _, h := range beats {
				all = append(all, control.Agent{Heartbeat: control.Heartbeat{Agent: h.Agent, State: h.State, Note: h.Note}, At: h.At.UTC()})
			}
			return err
		})
		return all, err
	})
	if err != nil {
		return nil, err
	}
	return p.merge(written), nil
}

// merge updates a list with the received heartbeats, and removes agents that were
// silent for too long.
func (p *Part) merge(written []control.Agent) []control.Agent {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := map[string]control.Agent{}
	for _, a := range written {
		last[a.Agent] = a
	}
	for _, a := range p.seen {
		if !a.At.Before(last[a.Agent].At) {
			last[a.Agent] = a
		}
	}
	all := []control.Agent{}
	for _, a := range last {
		if p.host.Now().Sub(a.At) <= life {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b control.Agent) int { return strings.Compare(a.Agent, b.Agent) })
	return all
}
