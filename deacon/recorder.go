package deacon

import (
	"context"
	"sync"
	"time"

	"gastown/deacon/control"
	"gastown/planes/operational"
	"gastown/town"
)

const (
	// maxAgents and maxEvents bound what waits in memory to be written.
	maxAgents = 10_000
	maxEvents = 1_000
	// jobsEvery is how often runs of jobs are written when nothing else is.
	jobsEvery = 5 * time.Minute
)

// recorder collects what is to be noted in the operational plane, so that many
// signs of life become one write every few seconds. What it holds is lost with
// a killed process; the next heartbeat says it again.
type recorder struct {
	now func() time.Time

	mu     sync.Mutex
	beats  map[string]operational.Heartbeat
	seen   map[string]operational.Heartbeat // the last of each agent
	checks map[string]operational.CheckState
	jobs   map[string]operational.JobRun
	events []operational.Entry
	wrote  time.Time // when jobs were last written
	lost   int
	// batches is how many with heartbeats were written.
	batches int
}

func newRecorder(now func() time.Time) *recorder {
	return &recorder{
		now: now, beats: map[string]operational.Heartbeat{}, seen: map[string]operational.Heartbeat{},
		checks: map[string]operational.CheckState{}, jobs: map[string]operational.JobRun{}, wrote: now(),
	}
}

// beat takes a heartbeat.
func (r *recorder) beat(h control.Heartbeat) error {
	if err := h.Validate(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.beats[h.Agent]; !known && len(r.beats) >= maxAgents {
		return town.Fail("take a heartbeat", "send it again later", "%w: %d agents wait to be recorded", town.ErrBusy, maxAgents)
	}
	at := r.now()
	beat := operational.Heartbeat{Agent: h.Agent, State: h.State, Note: h.Note, At: at}
	r.beats[h.Agent], r.seen[h.Agent] = beat, beat
	return nil
}

// agents counts those that lived lately, and forgets the others.
func (r *recorder) agents() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for agent, h := range r.seen {
		if r.now().Sub(h.At) > agentLife {
			delete(r.seen, agent)
		}
	}
	return len(r.seen)
}

// changed notes that a check has another state than before.
func (r *recorder) changed(c operational.CheckState, detail string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checks[c.Name] = c
	r.events = append(r.events, operational.Entry{At: c.Since, Kind: "check", Subject: c.Name, Detail: detail})
	r.trim()
}

// ran notes a run of a job.
func (r *recorder) ran(j operational.JobRun) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.jobs[j.Job] = j
}

// trim drops the oldest events beyond the limit. The caller holds mu.
func (r *recorder) trim() {
	if over := len(r.events) - maxEvents; over > 0 {
		r.events = append([]operational.Entry(nil), r.events[over:]...)
		r.lost += over
	}
}

// take is what is to be written now. Runs of jobs alone are worth no write each
// time; with all they are.
func (r *recorder) take(all bool) (b operational.Batch, lost int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.beats {
		b.Heartbeats = append(b.Heartbeats, h)
	}
	for _, c := range r.checks {
		b.Checks = append(b.Checks, c)
	}
	b.Entries = r.events
	if all || !b.Empty() || r.now().Sub(r.wrote) >= jobsEvery {
		for _, j := range r.jobs {
			b.Jobs = append(b.Jobs, j)
		}
		r.jobs, r.wrote = map[string]operational.JobRun{}, r.now()
	}
	r.beats, r.checks, r.events = map[string]operational.Heartbeat{}, map[string]operational.CheckState{}, nil
	lost, r.lost = r.lost, 0
	return b, lost
}

// giveBack takes a batch that could not be written; what came since is newer.
func (r *recorder) giveBack(b operational.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	keep(r.beats, b.Heartbeats, func(h operational.Heartbeat) string { return h.Agent })
	keep(r.checks, b.Checks, func(c operational.CheckState) string { return c.Name })
	keep(r.jobs, b.Jobs, func(j operational.JobRun) string { return j.Job })
	r.events = append(b.Entries, r.events...)
	r.trim()
}

func keep[T any](into map[string]T, older []T, key func(T) string) {
	for _, v := range older {
		if _, newer := into[key(v)]; !newer {
			into[key(v)] = v
		}
	}
}

// flush writes what waits, as one transaction.
func (d *Deacon) flush(ctx context.Context, all bool) (written int, err error) {
	b, lost := d.records.take(all)
	if lost > 0 {
		d.metrics.Dropped(lost)
		d.log.WithField("count", lost).Warn("events were dropped: they could not be written in time")
	}
	if b.Empty() {
		return 0, nil
	}
	began := time.Now()
	err = d.operational(ctx, func(s *operational.Store) error { return s.Record(ctx, b) })
	if err != nil {
		d.records.giveBack(b)
		return 0, err
	}
	d.metrics.Flushed(time.Since(began))
	if len(b.Heartbeats) > 0 {
		d.records.mu.Lock()
		d.records.batches++
		d.records.mu.Unlock()
	}
	return len(b.Heartbeats) + len(b.Checks) + len(b.Jobs) + len(b.Entries), nil
}
