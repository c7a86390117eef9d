// Package sling is gt sling, which gives beads to polecats, and gt queue, which
// shows what waits for one.
package sling

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/layout"
	"gastown/town/queue"
)

// slingOptions are the options of gt sling.
type slingOptions struct {
	call   *shell.Call
	words  []string
	rig    string
	vars   map[string]string
	how    town.Sling
	dryRun bool
}

// Commands adds gt sling and gt queue to a program.
func Commands(p *shell.Program) {
	p.Add(p, shell.Command{
		Name: "sling", Help: "Give beads to polecats of a rig. It returns when the assignment stands; what finds no room waits in the queue.",
		Examples: []string{
			"gt sling web-a1 web", "gt sling web-a1 web-b2 --rig=web --parallel --use-pool",
			`gt sling web-a1 web --agent codex --message "keep the API as it is"`, "gt sling web-a1 --dry-run",
			"gt sling cv-8x2k4    # every bead of the convoy that is ready",
		},
		Planes: []string{layout.Operational, layout.Ledger}, Permission: shell.MaySling, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &slingOptions{call: call, vars: map[string]string{}}
			c.Arg("id", "The beads, or convoys, whose ready beads are meant; the rig may come last.").Required().StringsVar(&o.words)
			c.Flag("rig", "The rig whose polecats work on them (default: the last word, or the one whose prefix the beads have).").PlaceHolder("R").StringVar(&o.rig)
			c.Flag("parallel", "Let their sessions start side by side.").BoolVar(&o.how.Parallel)
			c.Flag("use-pool", "Take their sandboxes from the rig's pool.").BoolVar(&o.how.UsePool)
			c.Flag("agent", "The preset of the agent program (default: the rig's).").PlaceHolder("A").StringVar(&o.how.Preset)
			c.Flag("formula", "A formula that gives each bead its steps.").PlaceHolder("F").StringVar(&o.how.Formula)
			c.Flag("var", "A variable of the formula, as NAME=VALUE. May be repeated.").PlaceHolder("K=V").StringMapVar(&o.vars)
			c.Flag("message", "A text that the agent is handed beside the bead.").Short('m').PlaceHolder("TEXT").StringVar(&o.how.Message)
			c.Flag("dry-run", "Only show what would be done.").BoolVar(&o.dryRun)
			return o.run
		},
	})
	queueCommands(p)
}

func (o *slingOptions) run(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	o.how.Vars = o.vars
	if err := o.how.Check(); err != nil {
		return town.Fail("sling", "gt sling --help shows what the flags take", "%w", err)
	}
	if err := h.CheckPreset(o.how.Preset); err != nil {
		return err
	}
	wanted, err := o.wanted(ctx, h)
	if err != nil {
		return err
	}
	if o.how.Formula != "" {
		if err := steps(ctx, h, wanted, o.dryRun); err != nil {
			return err
		}
	}
	bounds, err := host.Bounds(h.Config)
	if err != nil {
		return err
	}
	if o.dryRun {
		return o.preview(ctx, h, wanted, bounds)
	}
	err = h.Rows(ctx, func(s *operational.Store) error {
		_, err := s.Enqueue(ctx, wanted, bounds.Size, o.call.Now())
		return err
	})
	if err != nil {
		return explain(err)
	}
	// What stands now stays, also when something below fails.
	work, did, failed := drive(ctx, h)
	list := outcome(work, did, wanted)
	return errors.Join(o.call.Changed(list, func(p *term.Printer) { show(p, list) }), failed, cameBack(list))
}

// preview shows what would be assigned and what would wait.
func (o *slingOptions) preview(ctx context.Context, h *host.Host, wanted []operational.Waiting, b queue.Bounds) error {
	var w operational.Work
	err := h.Rows(ctx, func(s *operational.Store) (err error) {
		w, err = s.Work(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if room := b.Size - len(w.Queue); len(wanted) > room {
		return explain(&operational.FullError{Waiting: len(w.Queue), Asked: len(wanted), Size: b.Size})
	}
	for i := range wanted {
		if a, ok := w.Holder(wanted[i].Bead); ok {
			return explain(&operational.TakenError{By: a})
		}
		wanted[i].Seq = int64(1<<60 + i)
		w.Queue = append(w.Queue, wanted[i])
	}
	orders := queue.Plan(w, b, nil)
	list := make([]slung, len(wanted))
	for i, one := range wanted {
		list[i] = slung{Bead: one.Bead, Rig: one.Rig, State: "queued", Place: queue.Place(w, one.Bead)}
		n := slices.IndexFunc(orders, func(x operational.Order) bool { return x.Bead == one.Bead })
		if n >= 0 {
			list[i].State, list[i].Agent, list[i].Place = string(town.Assigned), &orders[n].Agent, 0
		}
	}
	return o.call.Show(list, func(p *term.Printer) {
		for _, s := range list {
			if s.Agent != nil {
				p.Line("%s would go to %s", s.Bead, s.Agent)
			} else {
				p.Line("%s would wait for a polecat of %s, place %d", s.Bead, s.Rig, s.Place)
			}
		}
	})
}

// explain gives an error of the queue its next step.
func explain(err error) error {
	var taken *operational.TakenError
	switch {
	case errors.As(err, new(*operational.FullError)):
		return town.Fail("sling", "try again later, or give the queue more room: gt config sling.queue_size N", "%w", err)
	case errors.As(err, &taken):
		return town.Fail("sling", "gt polecat show "+taken.By.Agent.String()+" shows how far it is", "%w", err)
	case errors.As(err, new(*operational.QueuedError)):
		return town.Fail("sling", "gt queue list shows what waits", "%w", err)
	}
	return err
}

var errNotReady = fmt.Errorf("%w: it is not ready to be worked on", town.ErrRefused)
