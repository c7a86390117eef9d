package find

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
)

// readyOptions are those of bd ready.
type readyOptions struct {
	listOptions
	claim, explain, gated bool
	mine                  bool
	rig                   string
}

// explained is what bd ready --explain prints.
type explained struct {
	Ready   []explainedBead  `json:"ready"`
	Blocked []ledger.Waiting `json:"blocked"`
}

// explainedBead is a ready bead with what it no longer waits for.
type explainedBead struct {
	ledger.Detail
	Reason string `json:"reason"`
}

func (o *readyOptions) act(ctx context.Context) error {
	if err := o.narrowDown(ctx); err != nil {
		return session.Fail("list what is ready", err)
	}
	switch {
	case o.claim:
		return session.Fail("claim ready work", o.take(ctx))
	case o.explain || o.gated:
		return session.Fail("list what is ready", o.reasons(ctx))
	}
	return o.run(ctx)
}

// narrowDown adds to the filters who asks and which prefix the rig has.
func (o *readyOptions) narrowDown(ctx context.Context) error {
	if !o.mine && o.rig == "" && o.filters.Parent() == "" {
		return nil
	}
	return session.Use(ctx, o.call, func(l *session.Ledger) error {
		if o.mine {
			o.filters.AssignedTo(l.Host.Actor.Name)
		}
		if err := o.descend(ctx, l); err != nil || o.rig == "" {
			return err
		}
		prefix, err := l.RigPrefix(ctx, o.rig)
		o.filters.WithPrefix(prefix)
		return err
	})
}

// descend selects all descendants of the bead that --parent names. Where that has no
// children the filter stays, and selects nothing.
func (o *readyOptions) descend(ctx context.Context, l *session.Ledger) error {
	if o.filters.Parent() == "" {
		return nil
	}
	level, known := []string{o.filters.Parent()}, map[string]bool{}
	var below []string
	for len(level) > 0 {
		parents, err := l.Get(ctx, level, ledger.Fields{"id", "dependents"})
		if err != nil {
			return err
		}
		level = nil
		for _, d := range parents {
			known[d.ID] = true
			for _, child := range d.Dependents {
				if child.Type == town.DepParent && !known[child.ID] {
					known[child.ID] = true
					level = append(level, child.ID)
				}
			}
		}
		below = append(below, level...)
	}
	if named := o.filters.Named(); len(named) > 0 {
		list, err := l.Get(ctx, named, ledger.Fields{"id"})
		if err != nil {
			return err
		}
		below = slices.DeleteFunc(below, func(id string) bool {
			return !slices.ContainsFunc(list, func(d ledger.Detail) bool { return d.ID == id })
		})
	}
	if len(below) > 0 {
		o.filters.Within(below)
	}
	return nil
}

// take claims the first ready bead.
func (o *readyOptions) take(ctx context.Context) error {
	f, err := o.filters.Build(o.call.Now(), false)
	if err != nil {
		return err
	}
	var claimed []town.Bead
	err = session.UseFilter(ctx, o.call, f, func(l *session.Ledger, f ledger.Filter) error {
		b, ok, err := l.ClaimReady(ctx, f)
		if ok {
			claimed = append(claimed, b)
			l.Touch(b.ID)
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(claimed) == 0 && !o.call.JSON {
		o.call.Hint("Nothing is ready that nobody has: bd blocked tells what waits.")
	}
	return view.Beads(o.call, "claimed", claimed)
}

// reasons lists ready beads with what they waited for.
func (o *readyOptions) reasons(ctx context.Context) error {
	f, err := o.filters.Build(o.call.Now(), false)
	if err != nil {
		return err
	}
	out := explained{Ready: []explainedBead{}, Blocked: []ledger.Waiting{}}
	err = session.UseFilter(ctx, o.call, f, func(l *session.Ledger, f ledger.Filter) error {
		var items []ledger.Item
		if err := l.Ready(ctx, f, ledger.Collect(&items)); err != nil {
			return err
		}
		ids := make([]string, len(items))
		for i, item := range items {
			ids[i] = item.ID
		}
		details, err := l.Get(ctx, ids, nil)
		if err != nil {
			return err
		}
		for _, d := range details {
			if reason, gated := waitedFor(d); gated || !o.gated {
				out.Ready = append(out.Ready, explainedBead{d, reason})
			}
		}
		if !o.gated {
			waiting, err := l.Blocked(ctx, ledger.Filter{})
			out.Blocked = append(out.Blocked, waiting...)
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	if o.gated && !o.explain {
		return o.call.Show(out.Ready, out.say)
	}
	return o.call.Show(out, out.say)
}

// waitedFor tells what a ready bead waited for, and whether one of those was a gate.
func waitedFor(d ledger.Detail) (reason string, gated bool) {
	var over []string
	holding := []town.DepType{town.DepBlocks, town.DepConditional, town.DepWaitsFor}
	for _, l := range d.Dependencies {
		if slices.Contains(holding, l.Type) {
			over = append(over, l.ID)
			gated = gated || l.Bead.Type == ledger.GateType
		}
	}
	if len(over) == 0 {
		return "it waits for nothing", false
	}
	return "it waited for " + strings.Join(over, ", "), gated
}

func (e explained) say(p *term.Printer) {
	for _, d := range e.Ready {
		view.Bead(p, "", d.Bead, "")
		p.Styled(term.Dim, "%s", p.Fit("    "+d.Reason))
	}
	for _, w := range e.Blocked {
		view.Bead(p, "", w.Bead, "")
		why := "waits with its parent"
		if len(w.BlockedBy) > 0 {
			why = "waits for " + strings.Join(w.BlockedBy, ", ")
		}
		p.Styled(term.Dim, "%s", p.Fit("    "+why))
	}
	p.Styled(term.Dim, "%s", fmt.Sprintf("%d ready, %d waiting", len(e.Ready), len(e.Blocked)))
}
