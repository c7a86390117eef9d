package recorder

import (
	"strings"
	"sync"
	"time"

	"gastown/deacon/schedule"
	"gastown/planes/operational"
	"gastown/town/feed"
)

// syncPrefix begins the names of the jobs that exchange with a remote, whose name
// follows.
const syncPrefix = "federation-sync:"

// runs decides which runs of jobs become events: the first failure, the first
// success after failures, and exchanges that changed something. Its methods may be
// called from many goroutines. The zero value is ready for use.
type runs struct {
	mu     sync.Mutex
	failed map[string]time.Time // when each job that fails began to fail
}

// recall sets the outcome of the last run that an earlier Deacon recorded.
func (r *runs) recall(j operational.JobRun) {
	if j.Error != "" {
		r.fail(j)
	}
}

// fail records a failure, and reports whether it is the first in a row.
func (r *runs) fail(j operational.JobRun) (first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == nil {
		r.failed = map[string]time.Time{}
	}
	if _, known := r.failed[j.Job]; known {
		return false
	}
	r.failed[j.Job] = j.Began
	return true
}

// succeed records a success, and returns since when the job had failed.
func (r *runs) succeed(job string) (since time.Time, failed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	since, failed = r.failed[job]
	delete(r.failed, job)
	return since, failed
}

// ran returns the events of a run, as the operational plane stores them.
func (r *runs) ran(j operational.JobRun) (entries []operational.Entry) {
	ended := j.Began.Add(j.Took)
	switch {
	case j.Outcome == string(schedule.Stopped): // says nothing about the job
	case j.Error != "":
		if r.fail(j) {
			entries = append(entries, feed.Event{At: ended, Kind: feed.JobFailed, Subject: j.Job, Text: j.Error,
				Data: map[string]string{"outcome": j.Outcome}}.Entry())
		}
	default:
		if since, failed := r.succeed(j.Job); failed {
			entries = append(entries, feed.Event{At: ended, Kind: feed.JobRecovered, Subject: j.Job,
				Text: "it had failed since " + since.UTC().Format(time.RFC3339), Data: map[string]string{"outcome": j.Outcome}}.Entry())
		}
		if remote, ok := strings.CutPrefix(j.Job, syncPrefix); ok && j.Note != "" {
			entries = append(entries, feed.Event{At: ended, Kind: feed.Synced, Subject: remote, Text: j.Note}.Entry())
		}
	}
	return entries
}
