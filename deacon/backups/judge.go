package backups

import (
	"fmt"
	"time"

	"gastown/deacon/check"
	"gastown/deacon/part"
	"gastown/town"
	"gastown/town/backup"
	"gastown/town/config"
)

// A backup is late when three intervals have passed, and critical after 24. A test of a
// restore is late a day after it was due, and critical one interval after that.
const (
	lateIntervals     = 3
	criticalIntervals = 24
	proofGrace        = 24 * time.Hour
)

// limits are the intervals that a person has set.
type limits struct {
	every map[backup.Kind]time.Duration
	proof time.Duration
}

func limitsOf(cfg *config.Config) limits {
	return limits{
		every: map[backup.Kind]time.Duration{
			backup.Databases: part.Duration(cfg, "backup.interval"), backup.Files: part.Duration(cfg, "backup.files_interval"),
		},
		proof: part.Duration(cfg, "backup.proof_interval"),
	}
}

// judge is the result of the check. What has never happened is as old as the watch.
func judge(all []backup.Report, l limits, started, now time.Time) (out check.Result) {
	out.State = check.Healthy
	worse := func(state check.State, next, format string, args ...any) {
		if state.Level() > out.State.Level() {
			out.State, out.Next = state, next
		}
		out.Details = append(out.Details, fmt.Sprintf(format, args...))
	}
	oldest := time.Duration(0)
	for _, r := range all {
		for _, kind := range kinds {
			note, every := r.Kinds[kind], l.every[kind]
			since := note.Current(now)
			if since.IsZero() {
				since = started
			}
			age := now.Sub(since)
			if kind == backup.Databases {
				oldest = max(oldest, age)
			}
			switch state := byAge(age, lateIntervals*every, criticalIntervals*every); {
			case state != check.Healthy:
				worse(state, "gt backup run", "%s: the newest backup of the %s is %s old", r.Name, kind, age.Round(time.Minute))
			case note.Error != "":
				worse(check.Warning, "gt backup run", "%s: the last backup of the %s failed", r.Name, kind)
			}
			if note.Error != "" {
				out.Details = append(out.Details, town.Clip(town.Plain(note.Error), 500))
			}
		}
		for _, kind := range kinds {
			proven(r, kind, l, started, now, worse)
		}
	}
	out.Figure = fmt.Sprintf("newest backup %s old", oldest.Round(time.Second))
	out.Threshold = (lateIntervals * l.every[backup.Databases]).String()
	return out
}

// proven judges the tests of restores of a kind.
func proven(r backup.Report, kind backup.Kind, l limits, started, now time.Time, worse func(check.State, string, string, ...any)) {
	proof, next := r.Proofs[kind], "gt backup verify --deep --to "+r.Name
	if kind == backup.Files {
		next = "gt backup verify --files --deep --to " + r.Name
	}
	if proof.Failed.After(backup.Past(proof.At, now)) {
		worse(check.Critical, next, "%s: a restore of the %s was tested %s ago and failed: %s", r.Name, kind,
			now.Sub(proof.Failed).Round(time.Minute), town.Clip(town.Plain(proof.Error), 500))
		return
	}
	since := backup.Past(proof.At, now)
	if since.IsZero() {
		since = started
	}
	if state := byAge(now.Sub(since), l.proof+proofGrace, 2*l.proof+proofGrace); state != check.Healthy {
		worse(state, next, "%s: no restore of the %s was tested for %s", r.Name, kind, now.Sub(since).Round(time.Hour))
	}
}

func byAge(age, warning, critical time.Duration) check.State {
	switch {
	case age > critical:
		return check.Critical
	case age > warning:
		return check.Warning
	}
	return check.Healthy
}
