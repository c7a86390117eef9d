package analysis

import (
	"maps"
	"slices"
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/noise"
)

var refineryTopic = topic{judge: (*judge).refinery, families: append([]family{
	{"merge_queue_depth", ""},
}, append(commands, jobs...)...)}

// Thresholds of merge queues.
const (
	deepQueue = 10      // open merge requests
	slowMerge = 30 * 60 // seconds from handing in to landing
	slowCheck = 10 * 60 // seconds of one check
	retried   = 1.5     // runs of checks for each request that landed
)

// refinery judges the merge queues.
func (j *judge) refinery() {
	depth := j.figure("merge_queue_depth", "count", deepQueue)
	j.commands("gt refinery", "gt done")
	j.jobs("refinery")
	j.checks()
	landed := j.landed()
	j.requests()
	if depth != nil && depth.P95 > deepQueue {
		j.raise("refinery.parallelism", 2, "tests more batches at once, which needs more of the machine",
			"the 95th percentile of merge_queue_depth is %.0f, above %d", depth.P95, deepQueue)
	}
	if landed == nil {
		j.missing("no merge request landed in this time")
	}
	for _, rig := range slices.Sorted(maps.Keys(j.rows.Refineries)) {
		r := j.rows.Refineries[rig]
		switch {
		case r.Paused:
			j.advise("gt refinery resume --rig "+rig, "lets it land again", "the refinery of %s was paused by %s %s ago: %s",
				rig, town.Plain(r.By), Seconds(j.now.Sub(r.Changed).Seconds()), town.Clip(town.Plain(r.Reason), 160))
		case r.Trouble != nil:
			j.advise("gt refinery status", "says what a person has to mend", "the refinery of %s has been kept from landing for %s: %s",
				rig, Seconds(j.now.Sub(r.Trouble.Since).Seconds()), town.Clip(town.Plain(r.Trouble.Text), 160))
		}
	}
}

// checks adds the checks that took longest. A result is that of the last run with a tree.
func (j *judge) checks() {
	seconds, runs := map[string]float64{}, map[string]float64{}
	broken, doubts := 0, 0
	slowest := operational.TestResult{}
	for _, t := range j.rows.Tests {
		if t.At.Before(j.From) {
			continue
		}
		name := t.Rig + " " + t.Check
		seconds[name] += t.Took.Seconds()
		runs[name]++
		broken, doubts = broken+t.Broken, doubts+t.Doubts
		if t.Took > slowest.Took {
			slowest = t
		}
	}
	j.costs(Check, seconds, runs, nil)
	if slowest.Took.Seconds() > slowCheck {
		j.advise("gt refinery test --parallel --cache", "runs checks side by side and does not repeat one of the same tree",
			"the check %s of %s took %s", slowest.Check, slowest.Rig, Seconds(slowest.Took.Seconds()))
	}
	if broken > 0 {
		j.advise("gt refinery log", "shows why a check could not be run", "%s of checks could not be run to the end", town.Plural(broken, "run", "runs"))
	}
	if doubts > 0 {
		j.advise("make the check give one result for one tree", "each doubt costs one more run, and may fail a change that is right",
			"checks passed %s right after they had failed with the same tree", town.Plural(doubts, "time", "times"))
	}
}

// landed adds how long requests took that landed in the time.
func (j *judge) landed() *Figure {
	var took []float64
	tries, n := 0, 0
	for _, m := range j.rows.Merges {
		if m.State == operational.MergeLanded && m.Changed.After(j.From) {
			took = append(took, m.Changed.Sub(m.At).Seconds())
			tries, n = tries+m.Tries, n+1
		}
	}
	if n == 0 {
		return nil
	}
	f := Figure{"time_to_land", "seconds", noise.Quantile(took, .5), noise.Quantile(took, .95), slowMerge}
	j.out.Figures = append(j.out.Figures, f)
	if f.P95 > slowMerge {
		j.advise("gt refinery status", "says what each request waits for",
			"the 95th percentile from handing in to landing is %s over %s, above %s", Seconds(f.P95), town.Plural(n, "request", "requests"), Seconds(slowMerge))
	}
	if per := float64(tries) / float64(n); n >= 5 && per > retried {
		j.advise("a smaller refinery.batch_size", "a batch that fails is halved and tested again, so large batches cost runs when changes often fail",
			"each of %d requests that landed was tested %.1f times (refinery.batch_size is %s)", n, per, j.setting("refinery.batch_size"))
	}
	return &f
}

// requests adds the open requests by what they wait for.
func (j *judge) requests() {
	causes := map[operational.MergeState]string{
		operational.MergeOpen: "their turn", operational.MergeTesting: "their checks", operational.MergeOffered: "the host of the repository", operational.MergeHeld: "a person",
	}
	groups := map[string][]time.Time{}
	held := 0
	for _, m := range j.rows.Merges {
		if cause, open := causes[m.State]; open {
			groups[cause] = append(groups[cause], m.At)
		}
		if m.State == operational.MergeHeld {
			held++
		}
	}
	j.ages("merge requests", groups)
	if held > 0 {
		j.advise("gt refinery status", "says why each is held; gt refinery retry lets it go on", "%s until a person decides", town.Plural(held, "merge request is held", "merge requests are held"))
	}
}
