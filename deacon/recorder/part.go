package recorder

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"gastown/deacon/part"
	"gastown/deacon/schedule"
	"gastown/planes/operational"
	"gastown/town/config"
	"gastown/town/feed"
)

// Job is the name of the job that writes the records.
const Job = "heartbeat-flush"

// Options are the options of a Recorder.
type Options struct {
	Log logrus.FieldLogger
	Now func() time.Time
	// Operational uses the operational plane.
	Operational operational.Access
	// Appended is called when events were written. May be nil.
	Appended func()
}

// Recorder collects records and writes them. Its methods may be called from many
// goroutines.
type Recorder struct {
	opts    Options
	batch   *batch
	batches atomic.Int64

	seconds prometheus.Histogram
	dropped prometheus.Counter
}

var (
	_ part.Scheduled = (*Recorder)(nil)
	_ part.Measured  = (*Recorder)(nil)
	_ part.Stopper   = (*Recorder)(nil)
)

// New returns an empty recorder.
func New(o Options) *Recorder {
	return &Recorder{
		opts: o, batch: newBatch(o.Now),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gt_deacon_flush_duration_seconds", Help: "Time that writing a batch of records took.", Buckets: part.Seconds,
		}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gt_deacon_dropped_records_total", Help: "Records that were dropped because they could not be written in time.",
		}),
	}
}

// Name implements part.Part.
func (r *Recorder) Name() string { return "recorder" }

// Metrics implements part.Measured.
func (r *Recorder) Metrics() []prometheus.Collector {
	return []prometheus.Collector{r.seconds, r.dropped}
}

// Jobs implements part.Scheduled.
func (r *Recorder) Jobs(*config.Config) []schedule.Job {
	return []schedule.Job{{
		Name: Job, Help: "write heartbeats and events to the operational plane", Schedule: "@every 10s",
		Deadline: 20 * time.Second, Run: func(ctx context.Context) (string, error) { return "", r.Flush(ctx, false) },
	}}
}

// Stop writes all waiting records.
func (r *Recorder) Stop(ctx context.Context) error { return r.Flush(ctx, true) }

// Beat adds a heartbeat. It fails with town.ErrBusy when too many agents wait to be
// recorded.
func (r *Recorder) Beat(h operational.Heartbeat) error { return r.batch.beat(h) }

// CheckChanged adds the new state of a check. detail is for the feed.
func (r *Recorder) CheckChanged(c operational.CheckState, detail string) { r.batch.changed(c, detail) }

// JobRan adds a run of a job. It becomes an event if it fails after a success,
// succeeds after a failure, or is an exchange with a remote that changed something.
func (r *Recorder) JobRan(j operational.JobRun) { r.batch.ran(j) }

// Recall adds the last run of a job that an earlier Deacon recorded, so that JobRan
// knows whether the job had failed.
func (r *Recorder) Recall(j operational.JobRun) { r.batch.runs.recall(j) }

// droppedEvent reports that events were lost before they could be written.
func (r *Recorder) droppedEvent(lost int) operational.Entry {
	return feed.Event{
		At: r.opts.Now(), Kind: feed.Dropped, Subject: "deacon", Data: map[string]string{"count": strconv.Itoa(lost)},
		Text: fmt.Sprintf("%d event(s) were dropped: the Deacon could not write them in time", lost),
	}.Entry()
}

// Written changes whenever heartbeats were written.
func (r *Recorder) Written() string { return strconv.FormatInt(r.batches.Load(), 10) }

// Flush writes the waiting records as one transaction. Runs of jobs alone are
// written every five minutes, or with all. After a failure the records wait for the
// next time.
func (r *Recorder) Flush(ctx context.Context, all bool) error {
	b, lost := r.batch.take(all)
	out := b
	if lost > 0 {
		out.Entries = append([]operational.Entry{r.droppedEvent(lost)}, b.Entries...)
	}
	if out.Empty() {
		return nil
	}
	began := time.Now()
	err := r.opts.Operational(ctx, func(s *operational.Store) error { return s.Record(ctx, out) })
	if err != nil {
		r.batch.giveBack(b)
		r.batch.loseAgain(lost)
		return err
	}
	if lost > 0 {
		r.dropped.Add(float64(lost))
		r.opts.Log.WithField("count", lost).Warn("events were dropped: they could not be written in time")
	}
	if len(out.Entries) > 0 && r.opts.Appended != nil {
		r.opts.Appended()
	}
	r.seconds.Observe(time.Since(began).Seconds())
	if len(b.Heartbeats) > 0 {
		r.batches.Add(1)
	}
	return nil
}
