// Package part defines what a part of the Deacon is.
//
// The Deacon starts, stops and reloads; it owns the open stores, the schedule and
// the listeners. Everything else it does is a part: a package below deacon with a
// type that has a name, and one line in the list of deacon/parts.go.
//
// A part offers features by implementing interfaces of this package; the Deacon
// checks each part for each of them. A part should assert it at compile time:
//
//	var _ part.Scheduled = (*Part)(nil)
//
// A part lists what it needs in an interface Host of its own, which the Deacon's
// host implements. A part holds neither the Deacon nor another part. Parts that
// communicate write to a plane.
//
// The Deacon calls New for every part to read the table of jobs, even when it will
// not start. New therefore does no work: it opens, reads and starts nothing.
package part

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gastown/cache"
	"gastown/deacon/check"
	"gastown/deacon/control"
	"gastown/deacon/schedule"
	"gastown/town"
	"gastown/town/config"
)

// Part is one thing the Deacon does.
type Part interface {
	// Name is one word, for the log and for errors of the start and the stop.
	Name() string
}

// Starter is a part with work to do before the Deacon answers: the planes are
// served, the listeners do not listen yet, and no job runs. An error ends the start
// of the Deacon. ctx ends with the Deacon, not with the start.
type Starter interface {
	Start(ctx context.Context) error
}

// Stopper is a part with work to do when the Deacon stops. Stop is called if Start
// succeeded, or if there is no Start, after the jobs have ended and while the
// planes are still served. It must return when ctx ends.
type Stopper interface {
	Stop(ctx context.Context) error
}

// Failing is a part that may fail for good after its start. An error on the channel
// ends the Deacon.
type Failing interface{ Failed() <-chan error }

// Scheduled is a part with rows in the table of jobs. The table is for the given
// configuration, which may not be in force yet.
type Scheduled interface {
	Jobs(*config.Config) []schedule.Job
}

// Checked is a part with checks, whose thresholds come from a configuration.
type Checked interface {
	Checks(*config.Config) []check.Check
}

// Measured is a part with metrics. Metrics is called once.
type Measured interface{ Metrics() []prometheus.Collector }

// Controlled is a part that answers requests on the control socket, under paths
// that begin with /v1/.
type Controlled interface{ Control(*http.ServeMux) }

// Web is a part that answers on the Deacon's HTTP address.
type Web interface{ HTTP(*http.ServeMux) }

// Reporting is a part that adds to gt deacon status.
type Reporting interface{ Status(*control.Status) }

// Reloaded is a part that must act when a configuration comes into force. A part
// that only reads settings gets them from its Host when it needs them.
type Reloaded interface {
	Reload(before, now *config.Config)
}

// Paused is a part that must not use the planes while they are lent to a command.
// Resume is called after each Pause, also after one that failed.
type Paused interface {
	Pause(context.Context) error
	Resume()
}

// Runner is a part that offers more than jobs to gt deacon run.
type Runner interface {
	// Runnable lists their names.
	Runnable() []string
	Run(ctx context.Context, name string) (control.Ran, error)
}

// Renewed is a part with a socket in the Town. Renew is called every second; it puts
// the socket back if somebody removed it. Its Stop writes no file of the Town, and
// removes none that is not its own.
type Renewed interface{ Renew() error }

// Asked is a part that must know that somebody asked for a run of one of its jobs,
// because such a run does more than one by schedule.
type Asked interface{ Asked(job string) }

// Asking is a part that can ask others which directory of the Town is the active one. The
// Deacon calls Ask once, when it starts in a directory that knows itself as that, and jobs
// that act in the Town's name wait a while for it. Ask returns when all have answered, when
// it is of no use to ask again, or when ctx ends; an error says who did not answer.
type Asking interface {
	Ask(ctx context.Context) error
}

// Woken is a part with a job that also runs at once after events of some kinds. The job
// has a schedule too, so an event that is missed only makes it later.
type Woken interface {
	// Woken names the job, and says which kinds of events wake it.
	Woken() (job string, by func(kind string) bool)
}

// Caching is a part with caches for gt cache.
type Caching interface{ Caches() []Cache }

// Cache is one kind of cached answers, such as the agents that are alive.
type Cache interface {
	// Kind is one of control.CacheTypes.
	Kind() string
	// Stats are the counts since the Deacon started, and the present content.
	Stats() cache.Stats
	// Clear drops all entries and returns how many there were; Sweep drops expired
	// entries.
	Clear() int
	Sweep()
	// Warm reads the most frequent answers ahead, for at most the given time.
	Warm(ctx context.Context, within time.Duration) (Warmed, error)
}

// Warmed is the result of Warm: how many entries were read, how many were left out,
// and why.
type Warmed struct {
	Read, Left int
	Why        []string
}

// Total adds the counts of a cache and of those it replaced. The content is that of
// the cache alone.
func Total(now, earlier cache.Stats) cache.Stats {
	now.Hits, now.Misses, now.Shared = now.Hits+earlier.Hits, now.Misses+earlier.Misses, now.Shared+earlier.Shared
	now.Stale, now.Expired, now.Evicted = now.Stale+earlier.Stale, now.Expired+earlier.Expired, now.Evicted+earlier.Evicted
	return now
}

// Seconds are the buckets of the histograms of durations, in seconds.
var Seconds = []float64{.001, .005, .02, .1, .5, 2, 10, 60}

// Runs converts runs of jobs for the control socket.
func Runs(runs []schedule.Run) (all []control.Run) {
	for _, r := range runs {
		one := control.Run{Job: r.Job, Began: r.Began, Took: r.Took.Seconds(), Outcome: string(r.Outcome), Note: r.Note}
		if r.Err != nil {
			one.Error, one.Next = town.Plain(r.Err.Error()), town.Next(r.Err)
		}
		all = append(all, one)
	}
	return all
}
