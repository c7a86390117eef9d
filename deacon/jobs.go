package deacon

import (
	"context"
	"fmt"
	"time"

	"gastown/deacon/logs"
	"gastown/deacon/schedule"
	"gastown/planes/operational"
)

// The names of the jobs.
const (
	jobSync   = "federation-sync"
	jobChecks = "checks"
	jobGit    = "check-git"
	jobFlush  = "heartbeat-flush"
	jobGC     = "gc"
	jobPack   = "gc-by-size"
	jobPrune  = "prune"
)

// maxSyncPause is the longest pause between attempts at a remote that fails.
const maxSyncPause = time.Hour

// table is every job there is. deacon/schedule.yaml may change its times.
func (d *Deacon) table(s *settings) []schedule.Job {
	return []schedule.Job{
		{
			Name: jobSync, Help: "exchange with each federation remote",
			Schedule: "@every " + s.interval.String(), Jitter: min(30*time.Second, s.interval/10),
			Deadline: 5 * time.Minute, Overlap: schedule.Follow, MaxPause: maxSyncPause,
			Run: func(context.Context) (string, error) { return "", nil }, // one for each remote: see jobs
		},
		{
			Name: jobChecks, Help: "look at disk, dolt, tmux and federation", Schedule: "@every 1m", Deadline: 30 * time.Second,
			Run: d.runChecks(false),
		},
		{
			Name: jobGit, Help: "look at the Town's Git repositories", Schedule: "@every 10m", Jitter: 10 * time.Second,
			Deadline: 2 * time.Minute, Run: d.runChecks(true),
		},
		{
			Name: jobFlush, Help: "write heartbeats and events to the operational plane", Schedule: "@every 10s",
			Deadline: 20 * time.Second, Run: d.runFlush,
		},
		{
			Name: jobGC, Help: "collect the garbage of every plane", Schedule: "30 3 * * *", Jitter: 10 * time.Minute,
			Deadline: 30 * time.Minute, MaxPause: 24 * time.Hour, Run: d.collect(true),
		},
		{
			Name: jobPack, Help: "collect the garbage of planes that have grown", Schedule: "@every 10m", Jitter: time.Minute,
			Deadline: 10 * time.Minute, MaxPause: time.Hour, Run: d.collect(false),
		},
		{
			Name: jobPrune, Help: "remove old logs and old records", Schedule: "0 4 * * *", Jitter: 10 * time.Minute,
			Deadline: 5 * time.Minute, Run: d.prune,
		},
	}
}

// jobs is the table as the schedule file changes it, with one job for each
// remote in the place of federation-sync: a dead one then delays no other.
func (d *Deacon) jobs(s *settings) ([]schedule.Job, error) {
	table, err := s.file.Apply(d.table(s))
	if err != nil {
		return nil, err
	}
	var all []schedule.Job
	for _, j := range table {
		if j.Name != jobSync {
			all = append(all, j)
			continue
		}
		for _, r := range s.config.Remotes {
			one := j
			one.Name, one.Run = syncJob(r.Name), d.syncWith(r.Name)
			all = append(all, one)
		}
	}
	return all, nil
}

// ran draws the conclusions from a run.
func (d *Deacon) ran(r schedule.Run) {
	failures := 0
	for _, j := range d.scheduler.Jobs() {
		if j.Name == r.Job {
			failures = j.Failures
		}
	}
	d.metrics.JobRan(r.Job, string(r.Outcome), r.Took, failures)
	log := d.log.WithField("job", r.Job).WithField("took", r.Took.String()).WithField("outcome", string(r.Outcome))
	switch {
	case r.Outcome == schedule.Stopped:
		log.Info("a job was stopped")
	case r.Err != nil:
		log.WithError(r.Err).WithField("failures", failures).Error("a job failed")
	case r.Note != "":
		log.Info(r.Note)
	default:
		log.Debug("a job ran")
	}
	if r.Job == jobFlush {
		return // it would write a row only to say that it wrote rows
	}
	note := operational.JobRun{Job: r.Job, Began: r.Began, Took: r.Took, Outcome: string(r.Outcome), Note: r.Note}
	if r.Err != nil {
		note.Error = r.Err.Error()
	}
	d.records.ran(note)
}

func (d *Deacon) runFlush(ctx context.Context) (string, error) {
	d.metrics.Agents(d.records.agents())
	_, err := d.flush(ctx, false)
	return "", err
}

// prune removes what is too old to be of use.
func (d *Deacon) prune(ctx context.Context) (string, error) {
	d.reads.sweep()
	age := d.settings().logAge
	now := d.opts.Now()
	files, err := logs.Prune(d.opts.Layout.DeaconLog(), age, now)
	if err != nil {
		return "", err
	}
	var rows int64
	err = d.operational(ctx, func(s *operational.Store) error {
		rows, err = s.Prune(ctx, now.Add(-age))
		return err
	})
	if err != nil {
		return "", err
	}
	if files == 0 && rows == 0 {
		return "", nil
	}
	return fmt.Sprintf("%d log file(s) and %d record(s) older than %s are removed", files, rows, age), nil
}
