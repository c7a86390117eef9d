// Package part says what a part of the Deacon is.
//
// The Deacon starts, stops and reloads; it owns the open stores, the schedule and
// the listeners. Everything else it does is a part: a package below deacon with a
// type that has a name, and one line in the list of deacon/parts.go.
//
// A part offers what it has by implementing interfaces of this package; the
// Deacon asks each part for each of them. A part should say so for the compiler:
//
//	var _ part.Scheduled = (*Part)(nil)
//
// What a part needs it names in an interface Host of its own, of which the
// Deacon's host has the methods. A part holds neither the Deacon nor another
// part. Parts that have something to say to each other write it into a plane.
//
// The Deacon calls New for every part in order to read the table of jobs, also
// where it will not start. New therefore does no work: it opens, reads and starts
// nothing.
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
	// Name is a word, for the log and for errors of the start and the stop.
	Name() string
}

// Starter is a part with something to do before the Deacon answers: the planes
// are served, the listeners do not listen yet, no job runs. An error ends the
// start of the Deacon. ctx ends with the Deacon, not with the start.
type Starter interface {
	Start(ctx context.Context) error
}

// Stopper is a part with something to end. It is called if Start succeeded, or if
// there is no Start, after the jobs have ended and while the planes are still
// served. It returns when ctx ends, at the latest.
type Stopper interface {
	Stop(ctx context.Context) error
}

// Failing is a part that may fail for good after its start. An error that it
// sends ends the Deacon.
type Failing interface{ Failed() <-chan error }

// Scheduled is a part with rows in the table of jobs. The configuration is the
// one the table is for; it may not be in force yet.
type Scheduled interface {
	Jobs(*config.Config) []schedule.Job
}

// Checked is a part that can tell whether something is well, by the thresholds of
// a configuration.
type Checked interface {
	Checks(*config.Config) []check.Check
}

// Measured is a part with metrics. It is asked once.
type Measured interface{ Metrics() []prometheus.Collector }

// Controlled is a part that answers requests of gt on the control socket, under
// paths that begin with /v1/.
type Controlled interface{ Control(*http.ServeMux) }

// Web is a part that answers on the Deacon's HTTP address.
type Web interface{ HTTP(*http.ServeMux) }

// Reporting is a part with something to say in gt deacon status.
type Reporting interface{ Status(*control.Status) }

// Reloaded is a part that does something when a configuration comes into force.
// What it only reads it takes from its Host when it needs it.
type Reloaded interface {
	Reload(before, now *config.Config)
}

// Paused is a part that must not use the planes while they are lent to a command.
// Resume is called after each Pause, also after one that failed.
type Paused interface {
	Pause(context.Context) error
	Resume()
}

// Runner is a part with things that gt deacon run can run beside the jobs.
type Runner interface {
	// Runnable lists their names.
	Runnable() []string
	Run(ctx context.Context, name string) (control.Ran, error)
}

// Caching is a part with caches for gt cache.
type Caching interface{ Caches() []Cache }

// Cache is one kind of cached answers, such as the agents that are alive.
type Cache interface {
	// Kind is one of control.CacheTypes.
	Kind() string
	// Stats counts what the cache did since the Deacon started, and what it holds.
	Stats() cache.Stats
	// Clear drops what it holds and returns how many entries that were, and Sweep
	// drops what is too old.
	Clear() int
	Sweep()
	// Warm reads ahead what is asked for most, for no longer than the given time.
	Warm(ctx context.Context, within time.Duration) (Warmed, error)
}

// Warmed says what was read ahead: how many entries, how many were left out, and
// why.
type Warmed struct {
	Read, Left int
	Why        []string
}

// Total is what a cache did together with those it replaced. What it holds is its
// own.
func Total(now, earlier cache.Stats) cache.Stats {
	now.Hits, now.Misses, now.Shared = now.Hits+earlier.Hits, now.Misses+earlier.Misses, now.Shared+earlier.Shared
	now.Stale, now.Expired, now.Evicted = now.Stale+earlier.Stale, now.Expired+earlier.Expired, now.Evicted+earlier.Evicted
	return now
}

// Seconds are the buckets of the histograms of times, in seconds.
var Seconds = []float64{.001, .005, .02, .1, .5, 2, 10, 60}

// Runs are runs of jobs as gt is told about them.
func Runs(runs []schedule.Run) (all []control.Run) {
	for _, r := range runs {
		one := control.Run{Job: r.Job, Began: r.Began, Took: r.Took.Seconds(), Outcome: string(r.Outcome), Note: r.Note}
		if r.Err != nil {
			one.Error, one.Next = r.Err.Error(), town.Next(r.Err)
		}
		all = append(all, one)
	}
	return all
}
