package alert

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gastown/planes/operational"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// A check that stays ill, and a job that fails, is an alert after a while, until it is
// well for a while.
func TestWatch(t *testing.T) {
	var w Watch
	var firing []operational.Alert
	at := func(minutes float64) time.Time { return noon.Add(time.Duration(minutes * float64(time.Minute))) }
	for _, c := range []struct {
		now, since float64
		state, job string
		want       string
		due        float64
	}{
		{0, 0, "healthy", "", "", 0},
		{1, 1, "warning", "", "", 3},
		{2, 2, "critical", "", "", 3}, // ill since 1
		{3, 2, "critical", "", "check-disk critical", 0},
		{4, 4, "warning", "", "check-disk critical", 9}, // milder, for a moment
		{5, 5, "healthy", "", "check-disk critical", 10},
		{6, 6, "warning", "", "check-disk critical", 11},
		{7, 7, "healthy", "", "check-disk critical", 12},
		{12, 7, "healthy", "no room", "", 14},
		{13, 7, "healthy", "no room", "", 14},
		{14, 7, "healthy", "no space", "job-prune error", 0},
		{15, 7, "healthy", "", "job-prune error", 20},
		{20, 7, "healthy", "", "", 0},
	} {
		jobs := []operational.JobRun{{Job: "prune", Began: at(c.now), Error: c.job}, {Job: "federation-sync:origin", Began: at(0), Error: "offline"}}
		list, due := w.Plan([]operational.CheckState{{Name: "disk", State: c.state, Since: at(c.since)}}, jobs, firing, at(c.now))
		var got []string
		for _, a := range list {
			got = append(got, a.Name+" "+string(a.Severity))
		}
		want := time.Time{}
		if c.due != 0 {
			want = at(c.due)
		}
		if strings.Join(got, ", ") != c.want || !due.Equal(want) {
			t.Errorf("minute %v: %q until %s, want %q until %s", c.now, got, due, c.want, want)
		}
		firing = list
	}
}

// A check that flips between two severities has the worse one, until it is milder for a
// while.
func TestMilder(t *testing.T) {
	var w Watch
	firing := []operational.Alert{{Name: "check-disk", Source: operational.FromCheck, Severity: operational.SeverityCritical, Summary: "full"}}
	for _, c := range []struct {
		now   time.Duration // minutes
		state string
		want  operational.AlertSeverity
		due   time.Duration // minutes; 0 for never
	}{
		{0, "warning", "critical", 5}, {4, "critical", "critical", 0}, {5, "warning", "critical", 10}, {-9, "warning", "critical", -4}, {-4, "warning", "warning", 0},
		{-3, "critical", "critical", 0},
	} {
		list, due := w.Plan([]operational.CheckState{{Name: "disk", State: c.state, Figure: c.state, Since: noon}}, nil, firing, noon.Add(c.now*time.Minute))
		want := time.Time{}
		if c.due != 0 {
			want = noon.Add(c.due * time.Minute)
		}
		if len(list) != 1 || list[0].Severity != c.want || !due.Equal(want) {
			t.Errorf("minute %d: %+v until %s, want %s until %s", c.now, list, due, c.want, want)
		}
		firing = list
	}
}

// A slow database is the alert of the rule, and not that of the check as well. What is left
// when the rule has ended is an alert after a while, as any other.
func TestOneTroubleIsOneAlert(t *testing.T) {
	var w Watch
	slow := operational.Alert{Name: "DoltSlow", Source: operational.FromRule, Severity: operational.SeverityWarning}
	ended := slow
	ended.Ended = noon.Add(10 * time.Minute)
	full := operational.Alert{Name: "check-dolt", Source: operational.FromCheck, Severity: operational.SeverityWarning}
	for _, c := range []struct {
		now    int
		state  string
		firing []operational.Alert
		want   int
		due    int
	}{
		{1, "warning", nil, 0, 2}, {2, "warning", []operational.Alert{slow}, 0, 0}, {9, "critical", []operational.Alert{slow}, 0, 0},
		{10, "critical", []operational.Alert{ended}, 0, 12}, {11, "warning", nil, 0, 12}, {12, "warning", nil, 1, 0},
		{13, "warning", []operational.Alert{full, slow}, 1, 0},
	} {
		now := noon.Add(time.Duration(c.now) * time.Minute)
		list, due := w.Plan([]operational.CheckState{{Name: "dolt", State: c.state, Since: noon}}, nil, c.firing, now)
		want := time.Time{}
		if c.due > 0 {
			want = noon.Add(time.Duration(c.due) * time.Minute)
		}
		if len(list) != c.want || !due.Equal(want) {
			t.Errorf("minute %d: %+v until %s, want %d until %s", c.now, list, due, c.want, want)
		}
	}
}

// A run that was stopped says nothing about its job; a restart of the Deacon neither.
func TestWatchForgetsNothing(t *testing.T) {
	firing := []operational.Alert{{Name: "job-prune", Source: operational.FromCheck, Severity: operational.SeverityError}, {Name: "check-disk", Source: operational.FromCheck, Severity: operational.SeverityCritical}}
	var w Watch
	list, _ := w.Plan([]operational.CheckState{{Name: "disk", State: "critical", Since: noon}}, []operational.JobRun{{Job: "prune", Outcome: stopped, Began: noon}}, firing, noon)
	if len(list) != 2 {
		t.Errorf("%+v", list)
	}
	if list, _ := w.Plan(nil, nil, firing, noon); len(list) != 0 {
		t.Errorf("a check that was removed: %+v", list)
	}
}

// However a check comes and goes, an alert begins at most once in hold + calm.
func TestFlapping(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w Watch
		var firing []operational.Alert
		state, since, now := "healthy", noon, noon
		var last time.Time
		for i := range 200 {
			now = now.Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "seconds")) * time.Second)
			if s := rapid.SampledFrom([]string{"healthy", "warning", "critical"}).Draw(t, "state"); s != state {
				state, since = s, now
			}
			list, _ := w.Plan([]operational.CheckState{{Name: "disk", State: state, Since: since}}, nil, firing, now)
			if len(list) > len(firing) {
				if !last.IsZero() && now.Sub(last) < hold+calm {
					t.Fatal(fmt.Sprint("step ", i, ": it began twice in ", now.Sub(last)))
				}
				last = now
			}
			firing = list
		}
	})
}

// A plugin that is not in force any more has no trouble, although its last run failed.
func TestPresent(t *testing.T) {
	jobs := []operational.JobRun{{Job: "prune"}, {Job: "plugin:on", Error: "no"}, {Job: "plugin:off", Error: "no"}, {Job: "plugins"}}
	var got []string
	for _, j := range Present(jobs, map[string]bool{"on": true}) {
		got = append(got, j.Job)
	}
	if strings.Join(got, " ") != "prune plugin:on plugins" || jobs[2].Job != "plugin:off" {
		t.Error(got, jobs)
	}
}

func TestCheckOf(t *testing.T) {
	for _, v := range []struct {
		alert operational.Alert
		want  string
	}{
		{operational.Alert{Name: "check-disk", Source: operational.FromCheck, Labels: map[string]string{"check": "disk"}}, "disk"},
		{operational.Alert{Name: "job-gc", Source: operational.FromCheck, Labels: map[string]string{"job": "gc"}}, ""},
		{operational.Alert{Name: "plugin-shop", Source: operational.FromPlugin, Labels: map[string]string{"plugin": "shop"}}, "plugin-shop"},
		{operational.Alert{Name: "DoltSlow", Source: operational.FromRule}, "dolt"},
		{operational.Alert{Name: "MailSlow", Source: operational.FromRule, Labels: map[string]string{"check": "disk"}}, ""},
		{operational.Alert{Name: "budget_reached", Source: operational.FromBudget}, ""},
	} {
		if got := CheckOf(v.alert); got != v.want {
			t.Errorf("%+v: %q, want %q", v.alert, got, v.want)
		}
	}
}
