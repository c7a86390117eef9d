// Package costs is gt costs: it shows the tokens and dollars that agents spent, and the
// budgets that are nearly used up. Without a Deacon it reads the transcripts itself.
package costs

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/planes/operational"
	"gastown/town/convoy"
	"gastown/town/layout"
	"gastown/town/spending"
)

// options are those of gt costs.
type options struct {
	call      *shell.Call
	by, since string
}

// byConvoy groups by convoys, which only the ledger knows.
const byConvoy = "convoy"

// Commands adds gt costs to a program.
func Commands(p *shell.Program) {
	p.Add(p, shell.Command{
		Name: "costs", Help: "Show what agents spent: tokens and US dollars by bead, agent, rig, convoy, day or model.",
		Examples: []string{"gt costs", "gt costs --by bead --since 7d", "gt costs --by convoy --json"},
		Planes:   []string{layout.Operational, layout.Ledger}, Permission: shell.MayReadTown, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &options{call: call}
			things := append(slices.Sorted(maps.Keys(spending.By)), byConvoy)
			c.Flag("by", "What to add up by: "+strings.Join(things, ", ")+".").Default("day").EnumVar(&o.by, things...)
			c.Flag("since", "The first day: 12h, 7d or 2031-03-10. Days are whole, in UTC.").Default("30d").PlaceHolder("TIME").StringVar(&o.since)
			return o.run
		},
	})
}

// result is what is shown.
type result struct {
	By      string         `json:"by"`
	Since   string         `json:"since"`
	Rows    []spending.Row `json:"rows"`
	Total   spending.Row   `json:"total"`
	Budgets []budget       `json:"budgets"`
}

// budget is a budget that is 80 % spent or more.
type budget struct {
	Scope   spending.Scope `json:"scope"`
	Name    string         `json:"name,omitempty"`
	Dollars float64        `json:"dollars"`
	Period  string         `json:"period,omitempty"`
	Spent   float64        `json:"spent"`
	Reached bool           `json:"reached"`
	text    string
}

func (o *options) run(ctx context.Context) error {
	since, err := shell.Since(o.since, o.call.Now())
	if err != nil {
		return err
	}
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	prices, err := h.Prices()
	if err != nil {
		return err
	}
	limits, err := host.Limits(h.Config)
	if err != nil {
		return err
	}
	if err := o.gather(ctx, h); err != nil { // on a full disk, for example: what is known is shown
		if ctx.Err() != nil {
			return err
		}
		o.call.Hint("the latest spending is missing: %v", err)
	}
	now, day := o.call.Now(), spending.Day(since)
	var sums []spending.Sum
	var verdicts []spending.Verdict
	err = h.Rows(ctx, func(s *operational.Store) error {
		all, err := s.Spending(ctx, min(day, limits.Since(now)))
		verdicts, _ = spending.Judge(limits, all, prices, now)
		sums = slices.DeleteFunc(all, func(s spending.Sum) bool { return s.Day < day })
		return err
	})
	if err != nil {
		return err
	}
	keys, err := o.keys(ctx, h)
	if err != nil {
		return err
	}
	r := result{By: o.by, Since: day, Budgets: []budget{}}
	r.Rows, r.Total = spending.Group(sums, prices, keys)
	r.Rows = append([]spending.Row{}, r.Rows...)
	if o.by != "day" {
		spending.Dearest(r.Rows)
	}
	for _, v := range verdicts {
		r.Budgets = append(r.Budgets, budget{v.Scope, v.Name, v.Limit.Dollars, v.Limit.Period, v.Spent, v.Reached(), v.String()})
	}
	return o.show(r)
}

// gather reads what agents' programs wrote, if no Deacon does that every minute.
func (o *options) gather(ctx context.Context, h *host.Host) error {
	if h.HasDeacon() {
		return nil
	}
	g, err := h.Gatherer(h.Rows)
	if err != nil {
		return err
	}
	for {
		r, err := g.Pass(ctx)
		if bad := r.Err(); bad != nil {
			o.call.Hint("%v", bad)
		}
		if err != nil || !r.More || r.Read == 0 {
			return err
		}
		o.call.Progress().Step("read transcripts", int64(r.Messages), 0, "messages")
	}
}

// keys returns what the sums are added up by.
func (o *options) keys(ctx context.Context, h *host.Host) (func(spending.Sum) []string, error) {
	if o.by != byConvoy {
		by := spending.By[o.by]
		return func(s spending.Sum) []string { return []string{by(s)} }, nil
	}
	all, err := h.Convoys().Read(ctx, convoy.Select{Closed: true})
	if err != nil {
		return nil, err
	}
	of := map[string][]string{}
	for _, c := range all {
		for _, m := range c.Members {
			of[m.ID] = append(of[m.ID], c.ID)
		}
	}
	return func(s spending.Sum) []string {
		if list := of[s.Bead]; len(list) > 0 {
			return list
		}
		return []string{""}
	}, nil
}
