package witness

import (
	"context"
	"errors"
	"fmt"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/witness"
)

func (o *options) patrol(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	names, err := o.rigs(h)
	if err != nil {
		return err
	}
	w, err := h.Witness(names)
	if err != nil {
		return err
	}
	run := w.Patrol
	if o.dryRun {
		run = w.Look
	}
	found, failed := run(ctx)
	err = o.call.Summary(found, func(p *term.Printer) {
		if len(found.Findings) == 0 {
			p.Line("no polecat is at work")
		}
		for _, f := range found.Findings {
			p.Wrapped(style(f.Verdict), "", fmt.Sprintf("%s %s %s: %s", f.Agent, f.Bead, f.Verdict, town.Visible(f.Evidence)))
		}
		for _, a := range found.Actions {
			line := town.Visible(a.String())
			if o.dryRun {
				line = "would " + line
			}
			p.Wrapped("", "", line)
		}
	})
	return errors.Join(found.Err(), failed, err)
}

func style(v witness.Verdict) term.Style {
	switch v {
	case witness.Healthy, witness.Starting:
		return term.Good
	case witness.Stalled, witness.Zombie:
		return term.Bad
	}
	return term.Warn
}
