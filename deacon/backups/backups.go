// Package backups is the part of the Deacon that backs up the Town: the databases every
// hour, configuration and files every day, a test of a restore every week. It does
// nothing until a person has said where backups go (backup.to). A run that finds nothing
// new writes nothing. The check "backup" says when backups are late, untested or failing.
package backups

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/deacon/check"
	"gastown/deacon/part"
	"gastown/deacon/schedule"
	"gastown/town/backup"
	"gastown/town/config"
)

// first is when a destination that is new gets its first points. A machine that is off at
// night would never be up for the interval of the files.
const first = 5 * time.Minute

// Names of the jobs.
const (
	job      = "backup"
	filesJob = "backup-files"
	proofJob = "backup-proof"
	pruneJob = "backup-prune"
)

// Keepers makes what takes the backups of the Town, for a configuration.
type Keepers func(*config.Config) (*backup.Keeper, error)

// Host is what the part needs of the Deacon.
type Host interface {
	Config() *config.Config
	Now() time.Time
	Started() time.Time
	Log() logrus.FieldLogger
	Keepers() Keepers
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct{ host Host }

var (
	_ part.Scheduled = (*Part)(nil)
	_ part.Checked   = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part { return &Part{h} }

// Name implements part.Part.
func (p *Part) Name() string { return "backups" }

// configured reports whether backups go anywhere.
func configured(cfg *config.Config) bool {
	to, _, err := cfg.Get("backup.to")
	return err == nil && strings.TrimSpace(to) != ""
}

// Jobs implements part.Scheduled.
func (p *Part) Jobs(cfg *config.Config) []schedule.Job {
	every := func(key string) string { return "@every " + part.Duration(cfg, key).String() }
	jobs := []schedule.Job{
		{Name: job, Acts: true, Help: "back up the databases", Schedule: every("backup.interval"), First: first, Jitter: time.Minute, Deadline: time.Hour,
			MaxPause: time.Hour, Run: func(ctx context.Context) (string, error) { return p.take(ctx, backup.Databases) }},
		{Name: filesJob, Acts: true, Help: "back up configuration and files", Schedule: every("backup.files_interval"), First: first, Jitter: 10 * time.Minute, Deadline: time.Hour,
			MaxPause: time.Hour, Run: func(ctx context.Context) (string, error) { return p.take(ctx, backup.Files) }},
		{Name: proofJob, Acts: true, Help: "test a restore where one is due", Schedule: "@every 1h", First: 4 * first, Jitter: 10 * time.Minute, Deadline: 4 * time.Hour, Run: p.prove},
		{Name: pruneJob, Acts: true, Help: "remove old backups", Schedule: "30 4 * * *", First: 6 * first, Jitter: 10 * time.Minute, Deadline: time.Hour, Run: p.prune},
	}
	absent := !configured(cfg)
	for i := range jobs {
		jobs[i].Absent = absent
	}
	return jobs
}

func (p *Part) take(ctx context.Context, kind backup.Kind) (string, error) {
	k, err := p.host.Keepers()(p.host.Config())
	if err != nil {
		return "", err
	}
	all, err := k.Take(ctx, kind, false)
	var notes []string
	for _, t := range all {
		switch {
		case t.Err != nil:
			err = errors.Join(err, fmt.Errorf("the destination %s: %w", t.Destination, t.Err))
		case t.Point != nil:
			notes = append(notes, fmt.Sprintf("%s to %s, %d byte(s) new", t.Point.Name, t.Destination, t.Point.Added))
		}
	}
	return strings.Join(notes, "; "), err
}

// kinds are the kinds of points, in the order in which they are judged and tested.
var kinds = []backup.Kind{backup.Databases, backup.Files}

// prove tests a restore of the newest point of each kind at each destination whose last test
// is too old, or failed before the newest point was taken.
func (p *Part) prove(ctx context.Context) (string, error) {
	cfg := p.host.Config()
	k, err := p.host.Keepers()(cfg)
	if err != nil {
		return "", err
	}
	all, err := k.Status()
	if err != nil {
		return "", err
	}
	var notes []string
	for _, r := range all {
		for _, kind := range kinds {
			if !due(r, kind, part.Duration(cfg, "backup.proof_interval"), p.host.Now()) {
				continue
			}
			name := r.Kinds[kind].Point
			if _, verr := k.Verify(ctx, r.Destination, name, true); verr != nil {
				err = errors.Join(err, fmt.Errorf("test a restore of %s from %s: %w", name, r.Name, verr))
				continue
			}
			notes = append(notes, fmt.Sprintf("a restore of %s from %s succeeded", name, r.Name))
		}
	}
	return strings.Join(notes, "; "), err
}

// due reports whether a destination's newest point of a kind is to be tested now.
func due(r backup.Report, kind backup.Kind, interval time.Duration, now time.Time) bool {
	newest, proof := r.Kinds[kind], r.Proofs[kind]
	if newest.Point == "" {
		return false
	}
	if !proof.Failed.IsZero() && proof.Failed.After(backup.Past(proof.At, now)) {
		return newest.Taken.After(proof.Failed) || now.Sub(backup.Past(proof.Failed, now)) >= 24*time.Hour
	}
	return now.Sub(backup.Past(proof.At, now)) >= interval
}

func (p *Part) prune(ctx context.Context) (string, error) {
	k, err := p.host.Keepers()(p.host.Config())
	if err != nil {
		return "", err
	}
	all, err := k.Prune(ctx)
	points, files := 0, 0
	for _, d := range all {
		points, files = points+len(d.Points), files+d.Files
		if d.Err != nil {
			err = errors.Join(err, fmt.Errorf("the destination %s: %w", d.Destination, d.Err))
		}
		if d.Held != "" {
			p.host.Log().WithField("destination", d.Destination).Warn("no file of old backups was removed: " + d.Held)
		}
	}
	if err != nil || points == 0 && files == 0 {
		return "", err
	}
	return fmt.Sprintf("removed %d point(s) and %d file(s)", points, files), nil
}

// Checks implements part.Checked.
func (p *Part) Checks(cfg *config.Config) []check.Check {
	if !configured(cfg) {
		return nil
	}
	return []check.Check{{
		Name: "backup", Help: "age of the newest backups, and of the last test of a restore",
		Run: func(context.Context) (check.Result, error) {
			k, err := p.host.Keepers()(cfg)
			if err != nil {
				return check.Result{}, err
			}
			all, err := k.Status()
			if err != nil {
				return check.Result{}, err
			}
			return judge(all, limitsOf(cfg), p.host.Started(), p.host.Now()), nil
		},
	}}
}
