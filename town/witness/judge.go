package witness

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/agent"
	"gastown/town/polecat"
)

const (
	// computes is the share of a core above which processes compute.
	computes = 0.05
	// shortSample is the shortest time over which that is measured.
	shortSample = time.Second
)

// Judge says how a polecat with an assignment does, and what is to be remembered of it.
func Judge(f Facts, t Thresholds) Finding {
	j := judge{Facts: f, Thresholds: t, row: remember(f)}
	computing := j.sample()
	verdict, cause, evidence := j.verdict(computing)
	if j.row.Verdict != string(verdict) || j.row.Cause != cause {
		j.row.Since = f.Now
	}
	j.row.Verdict, j.row.Cause, j.row.Evidence = string(verdict), cause, evidence
	return Finding{
		Agent: f.Assignment.Agent, Bead: f.Assignment.Bead, Verdict: verdict, Cause: cause, Evidence: evidence, Since: j.row.Since, Nudges: j.row.Nudges, facts: f, row: j.row,
	}
}

// remember is what former patrols remember, with what moved since.
func remember(f Facts) operational.Watched {
	w := f.Before
	a := f.Assignment
	if w.Agent != a.Agent || w.Run != a.Run || w.Epoch != a.Epoch {
		w = operational.Watched{Agent: a.Agent, Run: a.Run, Epoch: a.Epoch}
	}
	trace, head, _ := strings.Cut(w.Print, "/")
	if f.Trace != "" {
		trace, w.Walked = f.Trace, f.Now
	}
	if f.Lead.Head != "" {
		head = f.Lead.Head
	}
	switch now := trace + "/" + head; {
	case w.Print == "": // nobody looked before
		w.Print, w.Moved = now, a.Changed
	case now != w.Print:
		w.Print, w.Moved, w.Nudges, w.Nudged = now, f.Now, 0, time.Time{}
	}
	return w
}

type judge struct {
	Facts
	Thresholds
	row operational.Watched
}

// output is when the session last printed something. What a nudge made it print does not
// count, unless it goes on.
func (j *judge) output() time.Time {
	at := j.Session.Output
	echo := !j.row.Nudged.IsZero() && !at.Before(j.row.Nudged.Truncate(time.Second)) && at.Before(j.row.Nudged.Add(j.NudgeInterval))
	if echo && j.Now.Sub(at) >= j.Quiet && !j.row.Output.IsZero() {
		return j.row.Output
	}
	return at
}

// sample reports whether the processes of a quiet session compute: true, false, or nil
// while nobody knows yet.
func (j *judge) sample() *bool {
	s := j.Session
	if s == nil || s.Usage == nil || j.Now.Sub(s.Output) < j.Quiet {
		return new(false)
	}
	over := j.Now.Sub(j.row.Sampled)
	known := !j.row.Sampled.IsZero() && over >= shortSample
	yes := known && (s.Usage.CPU-j.row.CPU).Seconds() > computes*over.Seconds()
	if j.row.Sampled.IsZero() || over >= j.Quiet {
		j.row.CPU, j.row.Sampled = s.Usage.CPU, j.Now
	}
	if !known {
		return nil
	}
	return &yes
}

func (j *judge) verdict(computing *bool) (Verdict, string, string) {
	a, s := j.Assignment, j.Session
	switch {
	case j.Begun:
		return Recovering, "", "its work is being saved"
	case s != nil && s.Run != a.Run:
		return j.starting(fmt.Sprintf("its session is of run %d and that of run %d starts", s.Run, a.Run))
	case a.State == town.Assigned && j.Agent.Session == "": // until a session is recorded, none was lost
		return j.starting("its session starts")
	case s == nil:
		return Zombie, CauseGone, "its session is gone"
	case s.Ended || s.Screen != nil && s.Screen.State == agent.Ended:
		return Zombie, CauseCrash, j.ended()
	case j.dialog() && j.Now.Sub(s.Output) >= j.Quiet:
		return Waiting, cmp.Or(s.Screen.Dialog, "dialog"), fmt.Sprintf("its screen shows %s for %s; it said %q", cmp.Or(s.Screen.Dialog, "a dialog"), ago(j.Now, s.Output), s.Screen.Last)
	case a.State == town.Assigned:
		return j.starting("its agent is not ready yet")
	}
	return j.working(computing)
}

func (j *judge) dialog() bool {
	look := j.Session.Screen
	return look != nil && (look.State == agent.Waiting || look.State == agent.Asking && j.Assignment.State == town.Working)
}

func (j *judge) ended() string {
	text := polecat.Ended(j.Session.Session)
	if look := j.Session.Screen; look != nil && look.Last != "" {
		text += fmt.Sprintf("; it said %q", look.Last)
	}
	return text
}

// starting judges a polecat that has not begun its work. What is tried again has time.
func (j *judge) starting(why string) (Verdict, string, string) {
	a := j.Assignment
	if a.Trouble != nil {
		return Starting, "", fmt.Sprintf("tried %d time(s): %s", a.Trouble.Tries, a.Trouble.Reason)
	}
	if j.Now.Sub(a.Changed) > j.Start && a.Told {
		return Stalled, CauseStart, why + ", for " + ago(j.Now, a.Changed)
	}
	return Starting, "", why
}

// working judges a polecat that was handed its work and has its session.
func (j *judge) working(computing *bool) (Verdict, string, string) {
	s := j.Session
	last, sign := polecat.Life{Work: j.Assignment.Changed, Output: j.output(), Beat: j.Agent.Beat, Moved: j.row.Moved, Typed: s.LastTyped()}.Latest()
	silent := j.Now.Sub(last)
	idle := s.Screen != nil && s.Screen.State == agent.Ready && s.Screen.Prompt && silent >= j.Idle
	calm := computing != nil && !*computing
	ahead := j.Lead.Head != ""
	moved := later(j.row.Moved, j.Assignment.Changed)
	switch {
	case idle && ahead:
		return Unsaid, CauseCommits, fmt.Sprintf("it waits at its prompt for %s, and its branch has %.12s", ago(j.Now, last), j.Lead.Head)
	case idle:
		return Stalled, CauseIdle, "it waits at its prompt for " + ago(j.Now, last)
	case silent >= j.Silent && calm && ahead && j.Lead.Pushed == j.Lead.Head:
		return Unsaid, CausePushed, fmt.Sprintf("it pushed %.12s, and there is no sign of life for %s", j.Lead.Head, ago(j.Now, last))
	case silent >= j.Silent && calm, silent >= j.Computing && computing != nil:
		text := fmt.Sprintf("no output, no heartbeat and no change in its sandbox for %s", ago(j.Now, last))
		if !calm {
			text += ", although its processes compute"
		}
		return Stalled, CauseSilent, text
	case j.Now.Sub(later(moved, s.LastTyped())) >= j.Progress:
		return Stalled, CauseProgress, fmt.Sprintf("nothing changed in its sandbox for %s; the last sign is %s %s ago", ago(j.Now, moved), sign, ago(j.Now, last))
	}
	return Healthy, "", fmt.Sprintf("%s at %s", sign, last.UTC().Format(time.TimeOnly))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// ago is a time span for people.
func ago(now, at time.Time) string {
	d := now.Sub(at)
	unit := time.Minute
	if d < 2*time.Minute {
		unit = time.Second
	}
	text := d.Round(unit).String()
	if unit == time.Minute {
		text = strings.TrimSuffix(text, "0s")
	}
	return text
}
