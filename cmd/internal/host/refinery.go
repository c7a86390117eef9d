package host

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"strings"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/sync/gitcmd"
	"gastown/town/github"
	"gastown/town/refinery"
	"gastown/town/rig"
)

// Refinery returns the merge queue of a rig, with the planes as this call opens them.
func (h *Host) Refinery(r *rig.Rig) (*refinery.Refinery, error) {
	return h.refinery(r, h.Rows, h.WithLedger)
}

// Refineries are the merge queues of all rigs that are cloned, with planes that the
// caller opens.
func (h *Host) Refineries(rows operational.Access, beads ledger.Access) (all []*refinery.Refinery, err error) {
	yard := h.rigs(rows)
	settings, err := yard.Load()
	if err != nil {
		return nil, err
	}
	for _, s := range settings {
		r, err := yard.OpenLoaded(s)
		if errors.Is(err, gitcmd.ErrNotFound) {
			continue // gt rig status says so
		}
		if err != nil {
			return nil, err
		}
		one, err := h.refinery(r, rows, beads)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func (h *Host) refinery(r *rig.Rig, rows operational.Access, beads ledger.Access) (*refinery.Refinery, error) {
	self, err := h.call.Executable()
	if err != nil {
		return nil, err
	}
	of, group, err := h.SessionLimits(r.Name)
	if err != nil {
		return nil, err
	}
	c, _, err := h.WorkersWith(rows, beads)
	if err != nil {
		return nil, err
	}
	dir := h.Layout.Refinery(r.Name)
	run := &refinery.Runner{
		Name: r.Name, Tree: r.CheckTree, Dir: dir, Logs: h.RefineryLogs(r.Name), Base: h.call.Env, Launcher: []string{self}, Now: h.call.Now,
		Of: of, Group: group, Limiter: h.limiter(dir),
	}
	size, parallel, batch := h.RefineryNumbers(r.Settings)
	pulls, opensWith, err := h.pulls(r.Settings)
	if err != nil {
		return nil, err
	}
	return &refinery.Refinery{
		Host: pulls, OpensWith: opensWith,
		Rig: r.Settings, Clone: r, Check: run.Check, Checks: refinery.Keys(h.call.Env, r.Settings), Now: h.call.Now, Town: h.Config.Town.Name,
		Rows: func(ctx context.Context, fn func(refinery.Store) error) error {
			return rows(ctx, func(s *operational.Store) error { return fn(s) })
		},
		Beads: func(ctx context.Context, fn func(refinery.Ledger) error) error {
			return beads(ctx, func(s *ledger.Store) error { return fn(refinery.Beads{Store: s, Now: h.call.Now}) })
		},
		Settle: settle(c),
		Lock: func(ctx context.Context) (func() error, error) {
			return h.lock(ctx, "refinery-"+r.Name, "run the refinery of "+r.Name)
		},
		Size: size, Batch: batch, Parallel: parallel,
	}, nil
}

// tokenEnvs are the variables that hold a token for GitHub, the first that is set.
var tokenEnvs = []string{"GITHUB_TOKEN", "GH_TOKEN"}

// pulls is the host at which a rig's pull requests are opened; nil for none. with names the
// variable without which gt does not open them.
func (h *Host) pulls(s rig.Settings) (host refinery.Host, with string, err error) {
	at, asked, ok := s.PullsAt()
	if !ok {
		return nil, "", nil
	}
	names := tokenEnvs
	if s.Pulls.TokenEnv != "" {
		names = []string{s.Pulls.TokenEnv}
	}
	token := ""
	for _, name := range names {
		if token = strings.TrimSpace(h.call.Getenv(name)); token != "" {
			names = []string{name}
			break
		}
	}
	if token == "" && !asked {
		return nil, names[0] + " in its environment", nil
	}
	g, err := github.New(github.Options{Repository: at, Token: token, TokenName: names[0], Now: h.call.Now})
	if err != nil {
		return nil, "", err
	}
	return g, "", nil
}

// RefineryLogs are the logs of a rig's checks.
func (h *Host) RefineryLogs(name string) refinery.Logs {
	return refinery.Logs{Dir: filepath.Join(h.Layout.Refinery(name), "logs")}
}

// RefineryNumbers are the size of the queue, the parallelism and the size of a batch
// that are in force for a rig.
func (h *Host) RefineryNumbers(r rig.Settings) (size, parallel, batch int) {
	f := r.Refinery
	return cmp.Or(f.QueueSize, number(h.Config, "refinery.queue_size")), cmp.Or(f.Parallelism, number(h.Config, "refinery.parallelism")),
		cmp.Or(f.BatchSize, number(h.Config, "refinery.batch_size"))
}
