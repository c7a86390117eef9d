package deacon

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gastown/deacon/check"
	"gastown/deacon/control"
	"gastown/planes/operational"
	"gastown/sync/federate"
	"gastown/town"
)

// checkTime bounds one check.
const checkTime = 20 * time.Second

// slow is the check that reads whole repositories; it has a job of its own.
const slow = "git"

// checks are those there are, with the thresholds in force. The caller holds
// looking.
func (d *Deacon) checks(s *settings) []check.Check {
	d.dolt.Warning, d.dolt.Critical, d.dolt.MaxBytes = s.latencyWarning, s.latencyCritical, s.dataWarning
	all := []check.Check{
		check.Disk{Path: d.opts.Layout.Root, Warning: s.diskWarning, Critical: s.diskCritical, Seen: d.metrics.Disk}.Check(),
		d.dolt.Check(),
		check.Tmux{Sessions: d.opts.Sessions, Max: s.maxSessions}.Check(),
		check.Git{Repositories: d.repositories, Now: d.opts.Now}.Check(),
		check.Federation{
			Contacts: d.contacts, Reviews: d.reviews, Warning: s.syncWarning, Critical: s.syncCritical,
			Since: d.started, Seen: d.seen, Now: d.opts.Now,
		}.Check(),
	}
	return append(all, d.opts.Checks...)
}

// runChecks is a job: it runs all checks but the slow one, or only that.
func (d *Deacon) runChecks(slowly bool) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		if !slowly {
			if err := d.notice(); err != nil {
				d.log.WithError(err).Warn("a change of the configuration is not in force")
			}
		}
		_, err := d.look(ctx, func(name string) bool { return (name == slow) == slowly })
		return "", err
	}
}

// look runs the checks that are wanted, shows what they found, and notes what
// has changed.
func (d *Deacon) look(ctx context.Context, wanted func(name string) bool) ([]control.Check, error) {
	d.looking.Lock() // a check runs one at a time
	defer d.looking.Unlock()
	var found []control.Check
	var names []string
	for _, c := range d.checks(d.settings()) {
		names = append(names, c.Name)
		if !wanted(c.Name) {
			continue
		}
		some, cancel := context.WithTimeout(ctx, checkTime)
		result := c.Do(some)
		cancel()
		if err := ctx.Err(); err != nil {
			return found, err // what it says of an interruption is worth nothing
		}
		now, before := d.board.put(c.Name, result, d.opts.Now().UTC())
		found = append(found, now)
		changed := before != now.State
		d.metrics.Checked(c.Name, result.State.Level(), changed && before != "")
		if changed {
			d.note(now, before)
		}
	}
	d.board.retain(names)
	return found, nil
}

// note makes a change of state an event.
func (d *Deacon) note(now control.Check, before string) {
	text := now.State + ": " + now.Figure
	if before != "" {
		text = before + " -> " + text
	}
	if before != "" || now.State != string(check.Healthy) {
		d.log.WithField("check", now.Name).WithField("details", strings.Join(now.Details, "; ")).Warn(text)
	}
	d.records.changed(operational.CheckState{Name: now.Name, State: now.State, Figure: now.Figure, Since: now.Since}, text)
}

// run is what gt deacon run does: a check, a job, or all checks.
func (d *Deacon) run(ctx context.Context, name string) (out control.Ran, err error) {
	names := d.checkNames()
	switch {
	case slices.Contains(names, name):
		out.Checks, err = d.look(ctx, func(n string) bool { return n == name })
		return out, err
	case name == jobSync:
		out.Runs, err = d.sync(ctx, "", true)
		return out, err
	}
	for _, j := range d.scheduler.Jobs() {
		if j.Name != name {
			names = append(names, j.Name)
			continue
		}
		r, err := d.scheduler.Do(ctx, name)
		if err != nil {
			return out, err
		}
		out.Runs = []control.Run{toRun(r)}
		return out, nil
	}
	return out, town.Fail("run "+town.Clip(name, 64), "choose one of: "+strings.Join(names, ", "), "%w: there is no such check or job", town.ErrUsage)
}

// checkNames lists the checks there are.
func (d *Deacon) checkNames() []string {
	d.looking.Lock()
	defer d.looking.Unlock()
	var names []string
	for _, c := range d.checks(d.settings()) {
		names = append(names, c.Name)
	}
	return names
}

// latency asks the database something small.
func (d *Deacon) latency(ctx context.Context) (took time.Duration, err error) {
	err = d.operational(ctx, func(s *operational.Store) error {
		took, err = s.Latency(ctx)
		return err
	})
	return took, err
}

// reviews counts what waits for a person.
func (d *Deacon) reviews(ctx context.Context) (n int, err error) {
	err = d.operational(ctx, func(s *operational.Store) error {
		all, err := s.OpenReviews(ctx)
		n = len(all)
		return err
	})
	return n, err
}

func (d *Deacon) contacts(context.Context) ([]check.Contact, error) {
	cfg := d.settings().config
	var remotes []federate.Remote
	for _, r := range cfg.Remotes {
		remotes = append(remotes, federate.Remote(r))
	}
	known, err := d.opts.Engine(cfg).Contacts(remotes)
	if err != nil {
		return nil, err
	}
	var all []check.Contact
	for _, c := range known {
		all = append(all, check.Contact{Remote: c.Name, Confirmed: c.Confirmed, Verified: c.Verified, Error: c.Error})
	}
	return all, nil
}

// seen passes the figures on.
func (d *Deacon) seen(contacts []check.Contact, reviews int) {
	for _, c := range contacts {
		d.metrics.Remote(c.Remote, c.Verified)
	}
	d.metrics.Reviews(reviews)
}

// repositories are those of the Town: its own, if its directory is tracked,
// and what it keeps of each remote.
func (d *Deacon) repositories() ([]string, error) {
	var all []string
	if _, err := os.Stat(filepath.Join(d.opts.Layout.Root, ".git")); err == nil {
		all = append(all, d.opts.Layout.Root)
	}
	for _, r := range d.settings().config.Remotes {
		dir := filepath.Join(d.opts.Layout.Remote(r.Name), "objects.git")
		if _, err := os.Stat(dir); err == nil {
			all = append(all, dir)
		} else if !os.IsNotExist(err) {
			return nil, fmt.Errorf("look for the repository of remote %s: %w", r.Name, err)
		}
	}
	return all, nil
}
