package find

import (
	"context"
	"fmt"
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// summary is the ledger's numbers under the keys scripts know.
type summary struct {
	Total      int `json:"total_issues"`
	Open       int `json:"open_issues"`
	InProgress int `json:"in_progress_issues"`
	Hooked     int `json:"hooked_issues"`
	Deferred   int `json:"deferred_issues"`
	Pinned     int `json:"pinned_issues"`
	Closed     int `json:"closed_issues"`
	Blocked    int `json:"blocked_issues"`
	Ready      int `json:"ready_issues"`
	Deleted    int `json:"tombstone_issues"`
	// EligibleEpics are open epics whose children are all closed.
	EligibleEpics int `json:"epics_eligible_for_closure"`
	// LeadHours is how long closed beads were open, on average.
	LeadHours float64 `json:"average_lead_time_hours"`
}

// stats are what bd stats prints.
type stats struct {
	Summary    summary        `json:"summary"`
	ByStatus   map[string]int `json:"by_status"`
	ByType     map[string]int `json:"by_type"`
	ByPriority map[string]int `json:"by_priority"`
	ByAssignee map[string]int `json:"by_assignee"`
}

// statsOptions are those of bd stats.
type statsOptions struct{ call *shell.Call }

// Stats is bd stats.
func Stats() shell.Command {
	return shell.Command{
		Name: "stats", Alias: "status", Help: "The ledger in numbers.",
		Examples: []string{"bd stats", "bd stats --json"},
		Planes:   []string{layout.Ledger}, Permission: shell.MayReadLedger, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			for _, name := range []string{"all", "no-activity", "no-blocked"} {
				c.Flag(name, "Without effect: everything is counted in one query.").Hidden().Bool()
			}
			return (&statsOptions{call: call}).run
		},
	}
}

func (o *statsOptions) run(ctx context.Context) error {
	var got ledger.Stats
	err := session.Read(ctx, o.call, func(r session.Reader) (err error) {
		got, err = r.Stats(ctx)
		return err
	})
	if err != nil {
		return session.Fail("count beads", err)
	}
	is := func(s town.Status) int { return got.ByStatus[string(s)] }
	out := stats{
		Summary: summary{
			Total: got.Total, Open: is(town.StatusOpen), InProgress: is(town.StatusInProgress), Hooked: is(town.StatusHooked),
			Deferred: is(town.StatusDeferred), Pinned: is(town.StatusPinned), Closed: is(town.StatusClosed),
			Blocked: got.Blocked, Ready: got.Ready, Deleted: got.Deleted, EligibleEpics: got.EligibleEpics, LeadHours: got.LeadHours,
		},
		ByStatus: got.ByStatus, ByType: got.ByType, ByPriority: got.ByPriority, ByAssignee: got.ByAssignee,
	}
	return o.call.Show(out, func(p *term.Printer) {
		p.Styled(term.Head, "%s, %d ready, %d waiting, %d deleted", term.Plural(got.Total, "bead", "beads"), got.Ready, got.Blocked, got.Deleted)
		if got.LeadHours > 0 {
			p.Line("closed after %.1f hours, on average", got.LeadHours)
		}
		if got.EligibleEpics > 0 {
			p.Line("%s: bd epic status --eligible-only", term.Plural(got.EligibleEpics, "epic can be closed", "epics can be closed"))
		}
		counts(p, "BY STATUS", got.ByStatus)
		counts(p, "BY TYPE", got.ByType)
		counts(p, "BY PRIORITY", got.ByPriority)
		counts(p, "NOT CLOSED, BY ASSIGNEE", got.ByAssignee)
	})
}

// counts prints numbers by name, the largest first.
func counts(p *term.Printer, name string, of map[string]int) {
	var keys []string
	for k := range of {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if d := of[b] - of[a]; d != 0 {
			return d
		}
		if a < b {
			return -1
		}
		return 1
	})
	if len(keys) == 0 {
		return
	}
	p.Line("")
	p.Styled(term.Dim, "%s", name)
	for _, k := range keys {
		label := k
		if label == "" {
			label = "nobody"
		}
		p.Line("%s", p.Fit(fmt.Sprintf("%6d  %s", of[k], label)))
	}
}
