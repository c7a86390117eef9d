package sling

import (
	"context"
	"fmt"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/layout"
	"gastown/town/queue"
)

// queueOptions are the options of gt queue.
type queueOptions struct {
	call *shell.Call
	kind string
	rig  string
}

// queueCommands adds gt queue.
func queueCommands(p *shell.Program) {
	g := p.Command("queue", "What waits for a worker.").HelpLong(shell.Examples("gt queue list", "gt queue clear --type=sling"))
	p.Add(g, shell.Command{
		Name: "list", Help: "List the beads that wait for a polecat, in the order in which they are given out.",
		Examples: []string{"gt queue list", "gt queue list --rig=web --json"},
		Planes:   []string{layout.Operational}, Permission: shell.MayReadPolecat, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &queueOptions{call: call}
			c.Flag("rig", "Only what waits for this rig.").PlaceHolder("R").StringVar(&o.rig)
			return o.list
		},
	})
	p.Add(g, shell.Command{
		Name: "clear", Help: "Take what waits out of the queue. The beads stay open; what is assigned stays assigned.",
		Examples: []string{"gt queue clear --type=sling", "gt queue clear --type=sling --rig=web"},
		Planes:   []string{layout.Operational}, Permission: shell.MaySling, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &queueOptions{call: call}
			c.Flag("type", "What to clear: sling.").Required().EnumVar(&o.kind, "sling")
			c.Flag("rig", "Only what waits for this rig.").PlaceHolder("R").StringVar(&o.rig)
			return o.clear
		},
	})
}

// waiting is what waits, in the order in which it is given out, and what keeps it.
func (o *queueOptions) waiting(ctx context.Context) (h *host.Host, all []operational.Waiting, holds map[string]*operational.Hold, err error) {
	if h, err = host.Open(o.call); err != nil {
		return nil, nil, nil, err
	}
	holds = map[string]*operational.Hold{}
	err = h.Rows(ctx, func(s *operational.Store) error {
		w, err := s.Work(ctx)
		if err != nil {
			return err
		}
		for i := range w.Holds {
			holds[w.Holds[i].Rig] = &w.Holds[i]
		}
		byBead := map[string]operational.Waiting{}
		for _, q := range w.Queue {
			byBead[q.Bead] = q
		}
		for _, order := range queue.Plan(operational.Work{Queue: w.Queue}, queue.Bounds{}, nil) {
			if q := byBead[order.Bead]; o.rig == "" || q.Rig == o.rig {
				all = append(all, q)
			}
		}
		return nil
	})
	if err == nil && o.rig != "" && len(all) == 0 {
		_, err = h.Rigs().Find(o.rig) // beads of a rig that was removed may still wait
	}
	return h, all, holds, err
}

// held is a bead that waits, with what keeps the beads of its rig.
type held struct {
	operational.Waiting
	HeldBy *operational.Hold `json:"held_by,omitempty"`
}

func (o *queueOptions) list(ctx context.Context) error {
	_, list, holds, err := o.waiting(ctx)
	if err != nil {
		return err
	}
	all := []held{}
	for _, q := range list {
		all = append(all, held{q, holds[q.Rig]})
	}
	return o.call.Show(all, func(p *term.Printer) {
		if len(all) == 0 {
			p.Line("nothing waits")
			return
		}
		var rows [][]string
		for _, q := range all {
			rows = append(rows, []string{q.Bead, q.Rig, fmt.Sprint("P", q.Priority), o.call.Ago(q.At), q.By})
		}
		p.Table([]string{"BEAD", "RIG", "PRIORITY", "SINCE", "ASKED BY"}, rows)
		told := map[string]bool{}
		for _, q := range all {
			if h := q.HeldBy; h != nil && !told[q.Rig] {
				told[q.Rig] = true
				p.Wrapped(term.Warn, "", fmt.Sprintf("%s waits for %s, since %s: %s", h.Rig, h.Bound, o.call.Ago(h.Since), town.Visible(h.Why)))
			}
		}
	})
}

func (o *queueOptions) clear(ctx context.Context) error {
	h, all, _, err := o.waiting(ctx)
	if err != nil {
		return err
	}
	gone := []operational.Waiting{}
	err = h.Rows(ctx, func(s *operational.Store) error {
		some, err := s.Unqueue(ctx, all, "cleared by gt queue clear", h.Actor.Name, o.call.Now())
		gone = append(gone, some...)
		return err
	})
	if err != nil {
		return err
	}
	return o.call.Changed(gone, func(p *term.Printer) { p.Line("took %d bead(s) out of the queue", len(gone)) })
}
