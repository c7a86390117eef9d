package rig

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/instance"
	"gastown/town/layout"
	"gastown/town/rig"
	"gastown/town/witness"
)

func rebalanceCommand() shell.Command {
	return shell.Command{
		Name: "rebalance", Help: "After gt town promote: clone the Town's rigs here, and queue the beads of workers that were lost with the former host.",
		Examples: []string{"gt rig rebalance --from=harbour", "gt rig rebalance --from=harbour --json"},
		Planes:   []string{layout.Operational, layout.Ledger}, Permission: shell.MayAdminRig, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &rigOptions{call: call}
			c.Flag("from", "The Town whose host failed, by its name or id. It is this one: the other host had the same Town.").Required().PlaceHolder("TOWN").StringVar(&o.name)
			return o.rebalance
		},
	}
}

// rebalanced is what gt rig rebalance prints.
type rebalanced struct {
	Town string `json:"town"`
	// Cloned are the rigs that were cloned, Queued the beads that now wait for another
	// worker, Working the workers that have a session here.
	Cloned  []string `json:"cloned"`
	Queued  []taken  `json:"queued"`
	Working []string `json:"working"`
	// Waiting counts all beads that wait, those in Queued included. Merges counts the open
	// merge requests, which the refinery goes on with.
	Waiting int `json:"waiting"`
	Merges  int `json:"merge_requests"`
}

type taken struct {
	Bead  string       `json:"bead"`
	Agent town.Address `json:"agent"`
}

func (o *rigOptions) rebalance(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	op := "take over the rigs of " + town.Typed(o.name)
	if role, err := instance.ReadRole(h.Layout.Instance()); err != nil || role != instance.Active {
		return errors.Join(err, town.Fail(op, "gt town promote --force", "%w: this directory is not the active one of the Town (%s)", town.ErrRefused, role))
	}
	if o.name != h.Config.Town.Name && o.name != string(h.Config.Town.ID) {
		return town.Fail(op, "gt rig rebalance --from="+h.Config.Town.Name, "%w: this is Town %s; to take over another Town, make a standby of that one from its backups",
			town.ErrUsage, h.Config.Town.Name)
	}
	out := rebalanced{Town: h.Config.Town.Name, Cloned: []string{}, Queued: []taken{}, Working: []string{}}
	failed := o.cloneMissing(ctx, h, &out)
	failed = errors.Join(failed, o.takeBack(ctx, h, &out))
	return errors.Join(failed, o.call.Changed(out, func(p *term.Printer) {
		for _, name := range out.Cloned {
			p.Line("cloned the rig %s", name)
		}
		for _, t := range out.Queued {
			p.Line("%s waits for another worker; %s had it", t.Bead, t.Agent)
		}
		p.Line("%s, %s here; the refinery goes on with %s", term.Plural(out.Waiting, "bead waits", "beads wait"),
			term.Plural(len(out.Working), "worker works", "workers work"), term.Plural(out.Merges, "merge request", "merge requests"))
	}))
}

// cloneMissing clones the rigs that are configured and have no clone here.
func (o *rigOptions) cloneMissing(ctx context.Context, h *host.Host, out *rebalanced) (failed error) {
	yard := h.Rigs()
	all, err := yard.Load()
	if err != nil {
		return err
	}
	for _, s := range all {
		if _, err := os.Lstat(filepath.Join(h.Layout.Rigs(), s.Name, "repo.git")); err == nil {
			continue
		}
		o.call.Progress().Step("clone "+s.Name, 0, 0, "")
		if _, err := yard.Add(ctx, rig.Adding{Settings: s}); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		out.Cloned = append(out.Cloned, s.Name)
	}
	return failed
}

// takeBack lets the beads of lost workers wait for others. A worker that handed in has
// nothing more to do.
func (o *rigOptions) takeBack(ctx context.Context, h *host.Host, out *rebalanced) error {
	w, err := h.Witness(nil)
	if err != nil {
		return err
	}
	var now operational.Work
	work := func() error {
		return h.Rows(ctx, func(s *operational.Store) (err error) {
			now, err = s.Work(ctx)
			return err
		})
	}
	if err := work(); err != nil {
		return err
	}
	var failed error
	for _, held := range now.Assignments {
		if !held.State.Held() || held.Agent.Kind != town.Polecat {
			continue
		}
		took, err := w.TakeBack(ctx, held, o.priority(ctx, w, held.Bead), "the host of Town "+h.Config.Town.Name+" that it worked on failed")
		switch {
		case err != nil:
			failed = errors.Join(failed, town.Fail("take "+held.Bead+" back", "run it again; gt polecat show "+held.Agent.String(), "%w", err))
		case took:
			out.Queued = append(out.Queued, taken{held.Bead, held.Agent})
		default:
			out.Working = append(out.Working, held.Agent.String())
		}
	}
	err = work()
	out.Waiting, out.Merges = len(now.Queue), len(now.Merges)
	return errors.Join(failed, err)
}

// defaultPriority is used for a bead that cannot be read.
const defaultPriority = 2

// priority reads the priority of a bead.
func (o *rigOptions) priority(ctx context.Context, w *witness.Witness, bead string) int {
	priority := defaultPriority
	_ = w.Beads(ctx, func(l witness.Ledger) error {
		all, err := l.Beads(ctx, []string{bead})
		if b, ok := all[bead]; ok {
			priority = b.Priority
		}
		return err
	})
	return priority
}
