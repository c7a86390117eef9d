package analysis

import (
	"time"

	"gastown/town"
)

var polecatTopic = topic{judge: (*judge).polecat, families: append(append(append([]family{
	{"polecat_count", ""}, {"polecat_stuck", ""}, {"gt_queue_beads", ""},
}, append(commands, jobs...)...), timed("gt_polecat_spawn_duration_seconds")...), timed("gt_witness_patrol_duration_seconds")...)}

// Thresholds of polecats, from the Town's key figures.
const (
	slowSpawn  = 5.0  // seconds from assignment to work
	slowPatrol = 30.0 // seconds of one patrol
	fewStuck   = 3
	busyTown   = 30 // polecats at work
)

// bounds say what helps against a bound that holds beads.
var bounds = map[string]struct {
	by  float64
	why string
}{
	"sling.max_concurrent":   {1.5, "lets more sessions start at once"},
	"polecat.max_concurrent": {1.5, "lets more polecats work at once, which costs more tokens an hour"},
	"polecat.max_per_rig":    {1.5, "lets more polecats of one rig work at once, which costs more tokens an hour"},
	"tmux.max_sessions":      {1.5, "allows more sessions"},
}

// polecat judges the workers.
func (j *judge) polecat() {
	spawn := j.timing("polecat_spawn_time", "gt_polecat_spawn_duration_seconds", slowSpawn)
	patrol := j.timing("patrol_time", "gt_witness_patrol_duration_seconds", slowPatrol)
	j.figure("polecat_count", "count", busyTown)
	j.figure("polecat_stuck", "count", fewStuck)
	j.figure("gt_queue_beads", "count", 0)
	if spawn == nil && j.Recorded > 0 {
		j.missing("no polecat began to work in this time, so polecat_spawn_time has no value")
	}
	j.commands("gt sling", "gt hook", "gt done", "gt handoff", "gt prime", "gt polecat", "gt heartbeat", "gt worktree")
	j.jobs("dispatch", "witness", "pool")
	if spawn != nil && spawn.P95 > slowSpawn && spawn.Count >= 5 {
		j.advise("gt worktree pool create --size=10 --rig=RIG", "keeps sandboxes ready, so that a polecat does not wait for git to make one",
			"the 95th percentile of polecat_spawn_time is %s over %.0f starts, above %s", Seconds(spawn.P95), spawn.Count, Seconds(slowSpawn))
	}
	if patrol != nil && patrol.P95 > slowPatrol {
		j.advise("gt witness status", "shows the polecats that a patrol looks at; it takes longer with each that is quiet",
			"the 95th percentile of patrol_time is %s, above %s", Seconds(patrol.P95), Seconds(slowPatrol))
	}
	j.queue()
	j.stuck()
}

// queue judges the beads that wait for a worker.
func (j *judge) queue() {
	held := map[string]string{}
	for _, h := range j.rows.Work.Holds {
		held[h.Rig] = h.Bound
	}
	groups := map[string][]time.Time{}
	for _, q := range j.rows.Work.Queue {
		cause := "the next look of the dispatcher"
		if bound := held[q.Rig]; bound != "" {
			cause = bound
		}
		groups[cause] = append(groups[cause], q.At)
	}
	j.ages("beads without a worker", groups)
	for _, h := range j.rows.Work.Holds {
		n := 0
		for _, q := range j.rows.Work.Queue {
			if q.Rig == h.Rig {
				n++
			}
		}
		figure := []any{town.Plural(n, "bead", "beads"), h.Rig, Seconds(j.now.Sub(h.Since).Seconds()), h.Why}
		const text = "%s of %s wait for a worker, held for %s: %s"
		if b, known := bounds[h.Bound]; known {
			j.raise(h.Bound, b.by, b.why, text, figure...)
		} else {
			j.advise("gt queue list", "says what holds each bead; the bound is "+h.Bound, text, figure...)
		}
	}
	var later []time.Time
	reason := ""
	for _, a := range j.rows.Work.Assignments {
		if a.Trouble != nil {
			later, reason = append(later, a.At), a.Trouble.Reason
		}
	}
	if len(later) > 0 {
		j.ages("assignments", map[string][]time.Time{"their session could not be started": later})
		j.advise("gt polecat list", "says for each why it could not begin",
			"%s could not begin: %s", town.Plural(len(later), "assignment", "assignments"), town.Clip(town.Plain(reason), 160))
	}
}

// stuck judges polecats that do not get on.
func (j *judge) stuck() {
	groups := map[string][]time.Time{}
	for _, a := range j.rows.Work.Agents {
		if a.Address.Kind == town.Polecat && (a.State == town.AgentWaiting || a.State == town.AgentStalled || a.State == town.AgentZombie) {
			groups["its state is "+string(a.State)] = append(groups["its state is "+string(a.State)], a.Since)
		}
	}
	j.ages("polecats", groups)
	n := 0
	for _, all := range groups {
		n += len(all)
	}
	if n > 0 {
		j.advise("gt witness status", "says what each does and what is tried next; gt attach AGENT shows its session",
			"%s: waiting for a person, stalled or dead", town.Plural(n, "polecat does not get on", "polecats do not get on"))
	}
}
