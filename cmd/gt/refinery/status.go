package refinery

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/term"
	"gastown/planes/operational"
	"gastown/town/refinery"
	"gastown/town/rig"
)

// shownDecided is how many decided requests the status shows.
const shownDecided = 8

// status is what gt refinery status prints of one rig.
type status struct {
	Rig    string      `json:"rig"`
	Target string      `json:"target"`
	Merge  rig.Merge   `json:"merge"`
	Checks []rig.Check `json:"checks"`
	// QueueSize, Parallelism and BatchSize are the numbers in force.
	QueueSize   int                        `json:"queue_size"`
	Parallelism int                        `json:"parallelism"`
	BatchSize   int                        `json:"batch_size"`
	State       operational.Refinery       `json:"state"`
	Open        []operational.MergeRequest `json:"open"`
	Decided     []operational.MergeRequest `json:"decided"`
	Spoilt      []string                   `json:"spoilt,omitempty"`
}

func (o *options) status(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	settings, err := o.settings(h)
	if err != nil {
		return err
	}
	found := []status{}
	err = h.Rows(ctx, func(s *operational.Store) error {
		states, err := s.Refineries(ctx)
		if err != nil {
			return err
		}
		for _, r := range settings {
			st := status{Rig: r.Name, Target: r.Branch, Merge: r.Merge, Checks: append([]rig.Check{}, r.Checks...), State: states[r.Name],
				Open: []operational.MergeRequest{}, Decided: []operational.MergeRequest{}}
			st.QueueSize, st.Parallelism, st.BatchSize = h.RefineryNumbers(r)
			all, spoilt, err := s.Merges(ctx, r.Name, shownDecided)
			if err != nil {
				return err
			}
			st.Spoilt = spoilt
			for _, m := range all {
				if m.State.Open() {
					st.Open = append(st.Open, m)
				} else {
					st.Decided = append(st.Decided, m)
				}
			}
			st.Open = inOrder(r, st.Open, o)
			found = append(found, st)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return o.call.Show(found, func(p *term.Printer) {
		if len(found) == 0 {
			p.Line("no rigs; add one: gt rig add NAME URL")
		}
		for i, st := range found {
			if i > 0 {
				p.Line("")
			}
			o.show(p, st)
		}
	})
}

// inOrder sorts requests as the queue does; those that do not wait come last.
func inOrder(r rig.Settings, open []operational.MergeRequest, o *options) []operational.MergeRequest {
	order := refinery.Snapshot{Now: o.call.Now(), Target: r.Branch, Requests: open}.Queue()
	placed := map[string]bool{}
	for _, m := range order {
		placed[m.Bead] = true
	}
	for _, m := range open {
		if !placed[m.Bead] {
			order = append(order, m)
		}
	}
	return append([]operational.MergeRequest{}, order...)
}

func (o *options) show(p *term.Printer, st status) {
	tested := "nothing is tested"
	if len(st.Checks) > 0 {
		var names []string
		for _, c := range st.Checks {
			names = append(names, c.Name)
		}
		tested = "checks: " + strings.Join(names, ", ")
	}
	p.Line("%s  %s, %s; batches of %d, %d at once", st.Rig, st.Target, tested, st.BatchSize, st.Parallelism)
	if st.State.Paused {
		p.Line("  paused by %s %s: %s", st.State.By, o.call.Ago(st.State.Changed), cmp.Or(st.State.Reason, "no reason given"))
	}
	if t := st.State.Trouble; t != nil {
		p.Line("  nothing lands since %s: %s", o.call.Ago(t.Since), t.Text)
		if t.Next != "" {
			p.Line("  what helps: %s", t.Next)
		}
	}
	for _, r := range st.State.Target.Removed {
		n := 0
		for _, m := range st.Open {
			if m.State == operational.MergeHeld && slices.Contains(m.Detail.Removed, r.From) {
				n++
			}
		}
		if n > 0 {
			p.Line("  %s went back from %.12s to %.12s %s; held because they carry what was removed: %d", st.State.Target.Branch, r.From, r.To, o.call.Ago(r.At), n)
			p.Line("  what helps: gt refinery retry MR lets one bring it back, gt refinery reject MR gives it back")
		}
	}
	for _, bad := range st.Spoilt {
		p.Line("  left out: %s", bad)
	}
	if len(st.Open)+len(st.Decided) == 0 {
		p.Line("  no merge requests")
		return
	}
	var rows [][]string
	for _, m := range append(st.Open, st.Decided...) {
		why := m.Result
		if m.State == operational.MergeOffered && m.Detail.Problem != "" {
			why = m.Detail.Problem
		}
		if m.State == operational.MergeLanded {
			why = "as " + m.Landed[:min(len(m.Landed), 12)]
		}
		rows = append(rows, []string{fmt.Sprintf("  %d", m.Epoch), m.Bead, string(m.State), fmt.Sprint("P", m.Priority), o.call.Ago(m.At), why})
	}
	p.Table([]string{"  MR", "BEAD", "STATE", "PRIORITY", "HANDED IN", "WHY"}, rows)
}
