package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"gastown/planes/operational"
	"gastown/tmux"
	"gastown/town/config"
	"gastown/town/layout"
	"gastown/town/plugin"
	"gastown/town/plugin/health"
)

// Town looks at parts of a Town for health checks of a person's own.
type Town struct {
	Layout      layout.Town
	Config      *config.Config
	Now         func() time.Time
	Sessions    func(context.Context) ([]tmux.Session, error)
	Operational operational.Access
}

// Look looks at the disk, Dolt, tmux or Git. Thresholds that are 0 are those of the
// Town's settings.
func (t Town) Look(ctx context.Context, what string, a health.Args) (plugin.Finding, error) {
	c, err := t.check(what, a)
	if err != nil {
		return plugin.Finding{}, err
	}
	r, err := c.Run(ctx)
	return plugin.Finding{State: string(r.State), Figure: r.Figure, Threshold: r.Threshold, Next: r.Next, Details: r.Details}, err
}

func (t Town) check(what string, a health.Args) (Check, error) {
	var wrong []error
	number := func(given int, key string) int {
		n, err := t.Config.Int(key)
		wrong = append(wrong, err)
		return cmp.Or(given, n)
	}
	latency := func(given time.Duration, key string) time.Duration { // the setting is in ms
		n, err := t.Config.Int(key)
		wrong = append(wrong, err)
		return cmp.Or(given, time.Duration(n)*time.Millisecond)
	}
	var c Check
	switch what {
	case health.Disk:
		warning := number(a.Warning, "deacon.disk_warning")
		c = Disk{Path: cmp.Or(a.Path, t.Layout.Root), Warning: warning, Critical: max(warning, number(a.Critical, "deacon.disk_critical"))}.Check()
	case health.Dolt:
		bytes, err := t.Config.Bytes("deacon.data_warning")
		wrong = append(wrong, err)
		warning := latency(a.WarningTime, "deacon.latency_warning")
		d := &Dolt{Data: filepath.Dir(t.Layout.Data(layout.Operational)), Warning: warning,
			Critical: max(warning, latency(a.CriticalTime, "deacon.latency_critical")), MaxBytes: bytes, Now: t.Now, Latency: t.latency}
		c = d.Check()
	case health.Tmux:
		c = Tmux{Sessions: t.Sessions, Max: number(a.Sessions, "tmux.max_sessions")}.Check()
	case health.Git:
		c = Git{Repositories: func() ([]string, error) { return Repositories(t.Layout, t.Config) }, Now: t.Now}.Check()
	default:
		wrong = append(wrong, fmt.Errorf("nobody can look at %q", what))
	}
	return c, errors.Join(wrong...)
}

func (t Town) latency(ctx context.Context) (took time.Duration, err error) {
	err = t.Operational(ctx, func(s *operational.Store) error {
		took, err = s.Latency(ctx)
		return err
	})
	return took, err
}

// Repositories are the Town's repositories: its own, if its directory is tracked, and
// the local one for each remote.
func Repositories(t layout.Town, cfg *config.Config) (all []string, err error) {
	if _, err := os.Stat(filepath.Join(t.Root, ".git")); err == nil {
		all = append(all, t.Root)
	}
	for _, r := range cfg.Remotes {
		dir := filepath.Join(t.Remote(r.Name), "objects.git")
		if _, err := os.Stat(dir); err == nil {
			all = append(all, dir)
		} else if !os.IsNotExist(err) {
			return nil, fmt.Errorf("look for the repository of remote %s: %w", r.Name, err)
		}
	}
	return all, nil
}
