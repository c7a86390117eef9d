package alert

import (
	"slices"
	"strings"
	"time"

	"gastown/planes/operational"
)

// Calm is how long a check, a job or a health check must be well before its alert ends. So
// a state that flips back and forth is one alert or none.
const Calm = 5 * time.Minute

const (
	// hold is how long a check must be unhealthy, or a job fail, before that is an alert.
	hold = 2 * time.Minute
	calm = Calm
	// stopped is the outcome of a run that says nothing about its job.
	stopped = "stopped"
	// exchanges are the jobs whose failures raise no alert, because the check federation
	// judges them: a remote may be unreachable for an hour without an alert.
	exchanges = "federation-sync"
	// healthy is the state of a check that found nothing wrong.
	healthy = "healthy"
)

// sameTrouble are alerts of rules that tell of the same trouble as the alert of a check, and
// sooner. While one fires, that of the check does not begin.
var sameTrouble = map[string]string{"check-dolt": "DoltSlow"}

// CheckOf is the check of the Deacon whose trouble an alert tells of; "" for none. Whoever
// shows alerts need not show that check as well.
func CheckOf(a operational.Alert) string {
	switch a.Source {
	case operational.FromCheck:
		return a.Labels["check"]
	case operational.FromPlugin:
		return a.Name // as the check is called
	case operational.FromRule:
		for check, rule := range sameTrouble {
			if rule == a.Name {
				return strings.TrimPrefix(check, checkAlert)
			}
		}
	}
	return ""
}

// checkAlert begins the names of the alerts of checks.
const checkAlert = "check-"

// Watch turns the states of the Deacon's checks and jobs into alerts. It remembers since
// when each has its state, where the rows do not tell.
type Watch struct {
	bad, good map[string]time.Time
	// milder are those that fire and are less bad than they were, with since when.
	milder map[string]time.Time
	// muted are checks that fell ill while the alert of a rule told of it, with when that alert
	// ended; the zero time while it fires.
	muted map[string]time.Time
}

// Plan returns the alerts of source check that fire now, given all that fired until now. due is when the answer changes although nothing else does; zero for never.
func (w *Watch) Plan(checks []operational.CheckState, jobs []operational.JobRun, firing []operational.Alert, now time.Time) (list []operational.Alert, due time.Time) {
	fires, rules := map[string]bool{}, map[string]bool{}
	for _, a := range firing {
		if a.Source == operational.FromRule && a.Fires() {
			rules[a.Name] = true
		}
		if a.Source == operational.FromCheck && a.Fires() {
			fires[a.Name] = true
		}
	}
	before := *w
	w.bad, w.good, w.muted, w.milder = map[string]time.Time{}, map[string]time.Time{}, map[string]time.Time{}, map[string]time.Time{}
	later := func(at time.Time) {
		if due.IsZero() || at.Before(due) {
			due = at
		}
	}
	judge := func(a operational.Alert, ill bool, since time.Time) {
		if since.After(now) { // the clock was put back
			since = now
		}
		if ill && !fires[a.Name] {
			if rules[sameTrouble[a.Name]] {
				w.muted[a.Name] = time.Time{}
				return
			}
			// What is left of the trouble counts from the end of that alert on.
			if at, was := before.muted[a.Name]; was {
				if at.IsZero() || at.After(now) {
					at = now
				}
				w.muted[a.Name] = at
				if since.Before(at) {
					since = at
				}
			}
		}
		from, apart := before.good, calm
		kept := w.good
		if ill {
			from, apart, kept = before.bad, hold, w.bad
		}
		if first, known := from[a.Name]; known && first.Before(since) {
			since = first
		}
		kept[a.Name] = since
		settled := !now.Before(since.Add(apart))
		if ill == fires[a.Name] || settled {
			if ill {
				list = append(list, a)
			}
			return
		}
		// It waits: as it was until then.
		later(since.Add(apart))
		if fires[a.Name] {
			list = append(list, a)
		}
	}
	// held keeps the severity of an alert until it was milder for a while, so that one that
	// flips between two severities is told once.
	held := func(a operational.Alert) operational.Alert {
		former := as(a, firing)
		if slices.Index(operational.AlertSeverities, a.Severity) >= slices.Index(operational.AlertSeverities, former.Severity) {
			return a
		}
		first, known := before.milder[a.Name]
		if !known || first.After(now) {
			first = now
		}
		if !now.Before(first.Add(calm)) {
			return a
		}
		w.milder[a.Name] = first
		later(first.Add(calm))
		return former
	}
	for _, c := range checks {
		a := operational.Alert{Name: checkAlert + c.Name, Source: operational.FromCheck, Severity: operational.SeverityWarning,
			Labels: map[string]string{"check": c.Name}, Summary: c.State + ": " + c.Figure + "; see gt deacon status"}
		if c.State != healthy && c.State != string(operational.SeverityWarning) {
			a.Severity = operational.SeverityCritical
		}
		if c.State == healthy {
			a = as(a, firing)
		} else {
			a = held(a)
		}
		judge(a, c.State != healthy, c.Since)
	}
	for _, j := range jobs {
		row, _, _ := strings.Cut(j.Job, ":")
		a := operational.Alert{Name: "job-" + j.Job, Source: operational.FromCheck, Severity: operational.SeverityError,
			Labels: map[string]string{"job": j.Job}, Summary: "it fails: " + j.Error + "; see gt deacon logs"}
		switch {
		case row == exchanges:
		case j.Outcome == stopped:
			if fires[a.Name] {
				list = append(list, as(a, firing))
			}
		default:
			judge(as(a, firing), j.Error != "", j.Began)
		}
	}
	return list, due
}

// pluginJob begins the names of the jobs that call plugins.
const pluginJob = "plugin:"

// Present leaves out what the last run of a plugin's job says when nobody calls the plugin
// any more, or when it is a health check, whose failure is an alert of its own. called are
// the other plugins in force.
func Present(jobs []operational.JobRun, called map[string]bool) []operational.JobRun {
	return slices.DeleteFunc(slices.Clone(jobs), func(j operational.JobRun) bool {
		name, of := strings.CutPrefix(j.Job, pluginJob)
		return of && !called[name]
	})
}

// as returns the alert with the severity and summary it fired with: until it ends or is
// milder, it still says what was wrong.
func as(a operational.Alert, firing []operational.Alert) operational.Alert {
	for _, f := range firing {
		if f.Name == a.Name && f.Source == a.Source {
			a.Severity, a.Summary = f.Severity, f.Summary
		}
	}
	return a
}
