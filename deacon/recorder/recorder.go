// Package recorder writes frequent records into the operational plane: many
// heartbeats, states of checks and runs of jobs become one transaction every few
// seconds. A kill loses the records in memory; the next heartbeats replace them.
package recorder

import (
	"sync"
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/feed"
)

const (
	// maxAgents and maxEvents bound the records that wait in memory.
	maxAgents = 10_000
	maxEvents = 1_000
	// jobsEvery is how often runs of jobs are written when no other record waits.
	jobsEvery = 5 * time.Minute
)

// batch holds the records that wait to be written, the newest of each kind.
type batch struct {
	now func() time.Time

	mu     sync.Mutex
	beats  map[string]operational.Heartbeat
	checks map[string]operational.CheckState
	jobs   map[string]operational.JobRun
	events []operational.Entry
	runs   runs
	wrote  time.Time // when jobs were last written
	lost   int
}

func newBatch(now func() time.Time) *batch {
	return &batch{
		now: now, beats: map[string]operational.Heartbeat{}, checks: map[string]operational.CheckState{},
		jobs: map[string]operational.JobRun{}, wrote: now(),
	}
}

// beat adds a heartbeat. It fails with town.ErrBusy when too many agents wait.
func (b *batch) beat(h operational.Heartbeat) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.beats[h.Agent]; !known && len(b.beats) >= maxAgents {
		return town.Fail("take a heartbeat", "send it again later", "%w: %d agents wait to be recorded", town.ErrBusy, maxAgents)
	}
	b.beats[h.Agent] = h
	return nil
}

// changed adds a new state of a check.
func (b *batch) changed(c operational.CheckState, detail string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.checks[c.Name] = c
	b.events = append(b.events, operational.Entry{At: c.Since, Kind: feed.CheckChanged, Subject: c.Name, Detail: detail})
	b.trim()
}

// ran adds a run of a job and its events.
func (b *batch) ran(j operational.JobRun) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.jobs[j.Job] = j
	b.events = append(b.events, b.runs.ran(j)...)
	b.trim()
}

// loseAgain restores the number of dropped events when it could not be written.
func (b *batch) loseAgain(lost int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lost += lost
}

// trim drops the oldest events beyond the limit. The caller holds mu.
func (b *batch) trim() {
	if over := len(b.events) - maxEvents; over > 0 {
		b.events = append([]operational.Entry(nil), b.events[over:]...)
		b.lost += over
	}
}

// take returns the records to write now, and how many events were dropped since the
// last call. Runs of jobs alone are not worth a write each time; with all, they are
// written too.
func (b *batch) take(all bool) (out operational.Batch, lost int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, h := range b.beats {
		out.Heartbeats = append(out.Heartbeats, h)
	}
	for _, c := range b.checks {
		out.Checks = append(out.Checks, c)
	}
	out.Entries = b.events
	if all || !out.Empty() || b.now().Sub(b.wrote) >= jobsEvery {
		for _, j := range b.jobs {
			out.Jobs = append(out.Jobs, j)
		}
		b.jobs, b.wrote = map[string]operational.JobRun{}, b.now()
	}
	b.beats, b.checks, b.events = map[string]operational.Heartbeat{}, map[string]operational.CheckState{}, nil
	lost, b.lost = b.lost, 0
	return out, lost
}

// giveBack restores a batch that could not be written. Records added since then are
// newer and stay.
func (b *batch) giveBack(old operational.Batch) {
	b.mu.Lock()
	defer b.mu.Unlock()
	addOlder(b.beats, old.Heartbeats, func(h operational.Heartbeat) string { return h.Agent })
	addOlder(b.checks, old.Checks, func(c operational.CheckState) string { return c.Name })
	addOlder(b.jobs, old.Jobs, func(j operational.JobRun) string { return j.Job })
	b.events = append(old.Entries, b.events...)
	b.trim()
}

func addOlder[T any](into map[string]T, older []T, key func(T) string) {
	for _, v := range older {
		if _, newer := into[key(v)]; !newer {
			into[key(v)] = v
		}
	}
}
