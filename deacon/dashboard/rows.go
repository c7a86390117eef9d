package dashboard

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"gastown/deacon/control"
	"gastown/deacon/dashboard/page"
	"gastown/planes/operational"
	"gastown/town"
)

func text(s string) page.Cell { return page.Cell{Text: s} }

func number(n int) page.Cell { return text(fmt.Sprint(n)) }

// bead is a cell with a bead and its title.
func (s snapshot) bead(id string) page.Cell { return page.Cell{Text: id, Sub: s.titles[id]} }

func (s snapshot) rigRows() (rows []page.Row) {
	for _, r := range s.Rigs {
		name := text(r.Name)
		if r.Unknown {
			name.Sub = "not configured"
		}
		rows = append(rows, page.Row{Key: r.Name, Cells: []page.Cell{name, text(cmp.Or(states(r.Polecats), "none")), number(r.Crew), number(r.Queued), number(r.Merging)}})
	}
	return rows
}

// agentTones are the tones of the states of agents.
var agentTones = map[town.AgentState]page.Tone{
	town.AgentIdle: page.Quiet, town.AgentWorking: page.Busy, town.AgentWaiting: page.Warn, town.AgentStalled: page.Warn, town.AgentZombie: page.Bad,
}

// polecats are all of them: those that need a person first, then those at work, then the others,
// and of each those that have been so for longest.
func (s snapshot) polecats() (all []operational.Agent) {
	for _, a := range s.Agents {
		if a.Address.Kind == town.Polecat {
			all = append(all, a)
		}
	}
	slices.SortStableFunc(all, func(a, b operational.Agent) int {
		return cmp.Or(cmp.Compare(worse[agentTones[a.State]], worse[agentTones[b.State]]), a.Since.Compare(b.Since))
	})
	return all
}

// shownAgents are those that the page has room for.
func (s snapshot) shownAgents() []operational.Agent {
	all := s.polecats()
	return all[:min(len(all), page.MaxRows)]
}

func (s snapshot) polecatRows() (rows []page.Row) {
	for _, a := range s.polecats() {
		name := text(a.Address.Rig + "/" + a.Address.Name)
		switch a.State {
		case town.AgentWaiting, town.AgentStalled, town.AgentZombie:
			name.Sub = a.Evidence
		}
		rows = append(rows, page.Row{Key: a.Address.String(), Cells: []page.Cell{name, {Text: string(a.State), Tone: agentTones[a.State]}, s.bead(a.Bead), page.When(a.Since)}})
	}
	return rows
}

// holds says which bounds keep the queue.
func (s snapshot) holds() string {
	var all []string
	for _, h := range s.Holds {
		all = append(all, h.Rig+" waits for "+h.Bound+": "+h.Why)
	}
	return strings.Join(all, "; ")
}

func (s snapshot) queueRows() (rows []page.Row) {
	for _, w := range s.Queue {
		rows = append(rows, page.Row{Key: w.Bead, Cells: []page.Cell{s.bead(w.Bead), text(w.Rig), text(fmt.Sprintf("P%d", w.Priority)), page.When(w.At)}})
	}
	return rows
}

func (s snapshot) mergeRows() (rows []page.Row) {
	tones := map[operational.MergeState]page.Tone{
		operational.MergeOpen: page.Plain, operational.MergeTesting: page.Busy, operational.MergeOffered: page.Good, operational.MergeHeld: page.Bad,
	}
	for _, m := range s.Merges {
		since := m.At
		if d, ok := s.details[m.Epoch]; ok {
			m = d
			if !m.Changed.IsZero() {
				since = m.Changed
			}
		}
		rows = append(rows, page.Row{Key: fmt.Sprint(m.Epoch), Cells: []page.Cell{
			s.bead(m.Bead), text(m.Agent.Rig + "/" + m.Agent.Name), {Text: string(m.State), Tone: tones[m.State]}, s.tested(m), page.When(since),
		}})
	}
	return rows
}

// tested says what the checks of a merge request are and how they went.
func (s snapshot) tested(m operational.MergeRequest) page.Cell {
	names := strings.Join(s.checks[m.Agent.Rig], ", ")
	c := text(cmp.Or(names, "none"))
	switch {
	case m.State == operational.MergeHeld && m.Detail.Check != "":
		c = text(m.Detail.Check)
	case m.State == operational.MergeOffered && names != "":
		c.Sub = "passed"
	case m.Tries > 0:
		c.Sub = town.Plural(m.Tries, "run", "runs")
	}
	if why := cmp.Or(m.Detail.Problem, m.Result); why != "" && m.State != operational.MergeOpen {
		c.Sub = why
	}
	return c
}

func (s snapshot) convoyRows() (rows []page.Row) {
	for _, c := range s.Convoys {
		landed := page.Cell{Text: fmt.Sprintf("%d of %d", c.Landed, c.Total), Done: c.Landed, Total: c.Total}
		rows = append(rows, page.Row{Key: c.ID, Cells: []page.Cell{{Text: c.Name, Sub: c.ID}, landed}})
	}
	return rows
}

func (s snapshot) mailRows() (rows []page.Row) {
	if s.Mail == nil {
		return nil
	}
	for _, b := range s.Mail.Boxes {
		unread := fmt.Sprint(b.Unread)
		if b.Urgent > 0 {
			unread += fmt.Sprintf(", %d urgent", b.Urgent)
		}
		rows = append(rows, page.Row{Key: b.Name, Cells: []page.Cell{text(b.Name), text(unread), page.When(b.Newest)}})
	}
	return rows
}

func (s snapshot) remoteRows() (rows []page.Row) {
	for _, c := range s.contacts {
		name, state := text(c.Name), page.Cell{Text: "in step", Tone: page.Good}
		switch {
		case !c.Confirmed:
			state = page.Cell{Text: "not confirmed", Tone: page.Warn}
		case c.Pull.Failing:
			name.Sub, state = c.Pull.Error, page.Cell{Text: "pull failed", Tone: page.Bad}
		case c.Push.Failing:
			name.Sub, state = c.Push.Error, page.Cell{Text: "push failed", Tone: page.Warn}
		}
		rows = append(rows, page.Row{Key: c.Name, Cells: []page.Cell{name, state, page.When(c.Verified)}})
	}
	return rows
}

func checkRows(checks []control.Check) (rows []page.Row) {
	tones := map[string]page.Tone{"healthy": page.Good, "warning": page.Warn, "critical": page.Bad}
	for _, c := range checks {
		tone, known := tones[c.State]
		if !known {
			tone = page.Plain
		}
		rows = append(rows, page.Row{Key: c.Name, Cells: []page.Cell{text(c.Name), {Text: c.State, Tone: tone}, text(c.Figure)}})
	}
	slices.SortStableFunc(rows, func(a, b page.Row) int { return cmp.Compare(worse[a.Cells[1].Tone], worse[b.Cells[1].Tone]) })
	return rows
}

func jobRows(jobs []control.Job) (rows []page.Row) {
	for _, j := range jobs {
		last, state, next := page.When(time.Time{}), page.Cell{}, page.Cell{Text: "when asked", Tone: page.Quiet}
		if j.Last != nil {
			last, state = page.When(j.Last.Began), page.Cell{Text: j.Last.Outcome, Tone: page.Good}
			if j.Last.Outcome != "ok" {
				state.Tone, state.Sub = page.Warn, j.Last.Error
			}
		}
		switch {
		case j.Stuck:
			state = page.Cell{Text: "stuck", Tone: page.Bad}
		case j.Failures > 1:
			state.Text, state.Tone = fmt.Sprintf("%s %d times", state.Text, j.Failures), page.Bad
		}
		// That one runs for a moment is no news: only what runs and has not ended before is.
		if j.Running && j.Last == nil {
			state = page.Cell{Text: "running", Tone: page.Busy}
		}
		if j.Next != nil {
			next = page.When(*j.Next)
		}
		rows = append(rows, page.Row{Key: j.Name, Cells: []page.Cell{text(j.Name), last, state, next}})
	}
	return rows
}

// spendingRows are the last days, today first.
func (s snapshot) spendingRows() (rows []page.Row) {
	for _, r := range slices.Backward(s.spent) {
		cost := text(fmt.Sprintf("$%.2f", r.Dollars))
		if n := len(r.Unpriced); n > 0 {
			cost.Sub = "without " + town.Plural(n, "model that has no price", "models that have no price")
		}
		rows = append(rows, page.Row{Key: r.Key, Cells: []page.Cell{text(r.Key), cost, text(tokens(r.Total()))}})
	}
	return rows
}

// spentNote says what all these days cost.
func (s snapshot) spentNote() string {
	if len(s.spent) == 0 {
		return ""
	}
	sum := 0.0
	for _, r := range s.spent {
		sum += r.Dollars
	}
	return fmt.Sprintf("$%.2f in %d days: gt costs", sum, spendingDays+1)
}

// tokens words a number of tokens in three digits.
func tokens(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1e9, " G"}, {1e6, " M"}, {1e3, " k"}} {
		if n >= unit.size {
			return fmt.Sprintf("%.3g", float64(n)/float64(unit.size)) + unit.name
		}
	}
	return fmt.Sprint(n)
}
