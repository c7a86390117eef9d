package witness

import (
	"context"
	"fmt"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/term"
	"gastown/planes/operational"
	"gastown/town"
)

// status is what gt witness status prints.
type status struct {
	Polecats   []operational.Watched  `json:"polecats"`
	Recoveries []operational.Recovery `json:"recoveries"`
}

func (o *options) status(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	if o.rig != "" {
		if _, err := h.Rigs().Find(o.rig); err != nil {
			return err
		}
	}
	found := status{Polecats: []operational.Watched{}, Recoveries: []operational.Recovery{}}
	err = h.Rows(ctx, func(s *operational.Store) error {
		work, err := s.Work(ctx)
		if err != nil {
			return err
		}
		seen, err := s.Watched(ctx)
		for _, w := range seen {
			if held, ok := work.HeldBy(w.Agent); ok && held.Run == w.Run && held.Epoch == w.Epoch && (o.rig == "" || w.Agent.Rig == o.rig) {
				found.Polecats = append(found.Polecats, w)
			}
		}
		for _, r := range work.Recoveries {
			if o.rig == "" || r.Agent.Rig == o.rig {
				found.Recoveries = append(found.Recoveries, r)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return o.call.Show(found, func(p *term.Printer) { o.show(p, found) })
}

func (o *options) show(p *term.Printer, found status) {
	if len(found.Polecats) == 0 {
		p.Line("no patrol saw a polecat at work; gt witness patrol looks now")
	} else {
		var rows [][]string
		for _, w := range found.Polecats {
			rows = append(rows, []string{w.Agent.String(), w.Verdict, w.Cause, o.call.Ago(w.Since), fmt.Sprint(w.Nudges), town.Visible(w.Evidence)})
		}
		p.Table([]string{"POLECAT", "VERDICT", "CAUSE", "SINCE", "NUDGES", "EVIDENCE"}, rows)
	}
	for _, r := range found.Recoveries {
		p.Wrapped(term.Warn, "", fmt.Sprintf("%s is %s %s: %s", r.Bead, r.State, o.call.Ago(r.Changed), town.Visible(r.Why)))
	}
}
