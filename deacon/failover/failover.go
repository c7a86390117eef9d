// Package failover is the part of the Deacon that watches which directory is the Town's
// active one, and keeps one that stands by up to date.
package failover

import (
	"context"
	"fmt"
	"time"

	"gastown/deacon/check"
	"gastown/deacon/part"
	"gastown/deacon/schedule"
	"gastown/town/config"
	"gastown/town/failover"
	"gastown/town/instance"
)

// job is the name of the job of a directory that stands by.
const job = "standby"

// Host is what the part needs of the Deacon.
type Host interface {
	Now() time.Time
	// Note is the note of this directory.
	Note() (instance.Note, error)
	// Standby makes what keeps this directory up to date; nil in Deacons that cannot.
	Standby() (*failover.Town, error)
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct{ host Host }

var (
	_ part.Checked   = (*Part)(nil)
	_ part.Scheduled = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part { return &Part{host: h} }

// Name implements part.Part.
func (p *Part) Name() string { return "failover" }

// Jobs implements part.Scheduled. In a directory that does not stand by the job is absent; the
// table is made again when it begins to.
func (p *Part) Jobs(*config.Config) []schedule.Job {
	n, err := p.host.Note()
	return []schedule.Job{{
		Name: job, Help: "restore the newest backup of the Town's active directory, and pull", Schedule: "@every 5m", Jitter: 15 * time.Second,
		Deadline: time.Hour, Run: p.refresh, Absent: err != nil || n.Role() != instance.OnStandby,
	}}
}

func (p *Part) refresh(ctx context.Context) (string, error) {
	t, err := p.host.Standby()
	if err != nil || t == nil {
		return "", err
	}
	done, err := t.Refresh(ctx)
	if err != nil || !done.New {
		return "", err
	}
	note := "restored " + done.Point
	if done.Kept != "" {
		note += "; what it replaced is in " + done.Kept
	}
	return note, nil
}

// Checks implements part.Checked.
func (p *Part) Checks(cfg *config.Config) []check.Check {
	return []check.Check{{
		Name: "failover", Help: "whether this directory is the Town's active one; how far behind a standby is",
		Run: func(context.Context) (check.Result, error) {
			n, err := p.host.Note()
			if err != nil {
				return check.Result{}, err
			}
			return judge(n, lateIntervals*part.Duration(cfg, "backup.interval"), p.host.Now()), nil
		},
	}}
}

// lateIntervals is how many intervals of backups a standby may be behind, and
// criticalFactor how many times as long until that is critical.
const (
	lateIntervals  = 3
	criticalFactor = 8
)

// judge returns the result of the check. A standby is late when it has not been able to
// list the backups for that long.
func judge(n instance.Note, late time.Duration, now time.Time) check.Result {
	switch n.Role() {
	case instance.Fenced:
		if n.Damaged {
			return check.Result{State: check.Critical, Figure: "fenced", Next: "gt town status", Details: []string{n.Fence() + "; nothing acts here"}}
		}
		return check.Result{State: check.Critical, Figure: "fenced", Next: "gt town status",
			Details: []string{fmt.Sprintf("another directory speaks for this Town (epoch %d, seen at %s); nothing acts or is published here",
				n.Other.Epoch, n.Other.Remote)}}
	case instance.OnStandby:
		return judgeStandby(*n.Standby, late, now)
	}
	return check.Result{State: check.Healthy, Figure: "active"}
}

func judgeStandby(s instance.Standby, late time.Duration, now time.Time) check.Result {
	since := s.Looked
	if since.IsZero() {
		since = s.Since
	}
	age := now.Sub(since)
	out := check.Result{State: check.Healthy, Figure: fmt.Sprintf("last looked %s ago", age.Round(time.Second)), Threshold: late.String()}
	if !s.Taken.IsZero() {
		out.Details = []string{fmt.Sprintf("it has everything until %s", s.Taken.Format(time.RFC3339))}
	}
	switch {
	case age > criticalFactor*late:
		out.State = check.Critical
	case age > late || s.Error != "" || s.Promoting || s.Yields:
		out.State = check.Warning
	}
	if s.Error != "" {
		out.Details = append(out.Details, s.Error)
	}
	if out.State != check.Healthy {
		out.Next = "gt town status"
	}
	return out
}
