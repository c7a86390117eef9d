package status

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gastown/cmd/internal/term"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/glance"
	"gastown/town/instance"
)

// How many lines each list has; --json and the commands named behind it have all.
const (
	maxTroubled = 10
	maxWorking  = 10
	maxWaiting  = 5
	maxLost     = 5
	maxBoxes    = 5
	maxAlerts   = 10
	// maxTitle is how long one title may be, in bytes.
	maxTitle = 80
	// maxReason is how long one reason may be, in bytes.
	maxReason = 240
)

// view prints a Snapshot.
type view struct {
	glance.Snapshot
	p *term.Printer
}

func (v view) print() {
	v.p.Styled(term.Head, "%s", v.p.Fit("Town "+v.Town+"  "+v.Root))
	v.role()
	v.deacon()
	v.toSee()
	v.alerts()
	v.missing()
	v.rigs()
	v.agents("To look at (gt peek AGENT):", v.Troubled(), maxTroubled, "gt agents")
	v.lost()
	v.agents("At work:", v.working(), maxWorking, "gt polecat list")
	v.waiting()
	v.p.Line("")
	v.convoys()
	v.counts()
	v.federation()
}

func (v view) role() {
	switch v.Role {
	case instance.OnStandby:
		v.p.Styled(term.Warn, "Role        standby: nothing of the Town's is changed here; gt town status")
	case instance.Fenced:
		v.p.Styled(term.Bad, "Role        fenced: the Town may go on in another directory; gt town status")
	}
}

func (v view) deacon() {
	switch d := v.Deacon; {
	case d == nil:
	case d.Problem != "":
		v.p.Styled(term.Bad, "Deacon      pid %d: %s; gt deacon status", d.PID, d.Problem)
	case d.Running:
		v.p.Line("Deacon      runs (pid %d)", d.PID)
	default:
		v.p.Styled(term.Warn, "Deacon      none runs, so nothing is checked or moves by itself: gt deacon start")
	}
}

// toSee are the escalations that nobody acknowledged.
func (v view) toSee() {
	if len(v.ToSee) == 0 {
		return
	}
	var words []string
	for _, e := range v.ToSee {
		words = append(words, fmt.Sprintf("%s %s (%s)", e.ID, town.Clip(town.Visible(e.Title), maxTitle), e.Severity))
	}
	text := fmt.Sprintf("%d: %s", len(words), strings.Join(words[:min(len(words), maxWaiting)], ", "))
	if len(words) > maxWaiting {
		text += ", ..."
	}
	v.p.Wrapped(term.Bad, "To see      ", text+"; gt escalate list")
}

// convoys are those under way.
func (v view) convoys() {
	var words []string
	for _, c := range v.Convoys {
		words = append(words, fmt.Sprintf("%s %s %d/%d", c.ID, town.Clip(town.Visible(c.Name), maxTitle), c.Landed, c.Total))
	}
	v.list("Convoys     ", words, "gt convoy list")
}

func (v view) alerts() {
	if len(v.Alerts) == 0 {
		v.p.Line("Alerts      none")
		return
	}
	for i, a := range v.Alerts {
		if i == maxAlerts {
			v.p.Line("            and %d more: gt status --json", len(v.Alerts)-i)
			return
		}
		label := "            "
		if i == 0 {
			label = "Alerts      "
		}
		text := a.Name + " " + a.State
		if !a.Since.IsZero() {
			text += " for " + term.Short(v.At.Sub(a.Since))
		}
		text += ": " + town.Clip(a.Text, maxReason)
		if a.Next != "" {
			text += " (" + a.Next + ")"
		}
		v.p.Wrapped(styles[a.State], label, text)
	}
}

// styles are the colours of states.
var styles = map[string]term.Style{
	"critical": term.Bad, "error": term.Bad, "unknown": term.Bad, "warning": term.Warn,
	string(town.AgentStalled): term.Bad, string(town.AgentZombie): term.Bad, string(town.AgentWaiting): term.Warn,
}

// missing names the parts that could not be read; those with one reason together.
func (v view) missing() {
	for i, m := range v.Missing {
		parts := m.Part
		told := false
		for j, other := range v.Missing {
			switch {
			case other.Why != m.Why || other.Next != m.Next || i == j:
			case j < i:
				told = true
			default:
				parts += ", " + other.Part
			}
		}
		if told {
			continue
		}
		text := town.Clip(m.Why, maxReason)
		if m.Next != "" {
			text += "; next: " + m.Next
		}
		v.p.Wrapped(term.Bad, "Not read    "+parts+": ", text)
	}
}

func (v view) rigs() {
	if len(v.Rigs) == 0 {
		return
	}
	v.p.Line("")
	var rows [][]string
	for _, r := range v.Rigs {
		name := r.Name
		if r.Unknown {
			name += " (not configured)"
		}
		row := []string{name}
		for _, s := range []town.AgentState{town.AgentWorking, town.AgentWaiting, town.AgentStalled, town.AgentZombie, town.AgentIdle} {
			row = append(row, number(r.Polecats[s]))
		}
		rows = append(rows, append(row, number(r.Crew), number(r.Queued), number(r.Merging)))
	}
	v.p.Table([]string{"RIG", "WORKING", "WAITING", "STALLED", "ZOMBIE", "IDLE", "CREW", "QUEUED", "MERGING"}, rows)
}

// number leaves zeros out, so that the others are seen.
func number(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}

// working are the agents at work, in the order of their addresses.
func (v view) working() (all []operational.Agent) {
	for _, a := range v.Agents {
		if a.State == town.AgentWorking {
			all = append(all, a)
		}
	}
	return all
}

func (v view) agents(title string, all []operational.Agent, most int, more string) {
	if len(all) == 0 {
		return
	}
	v.p.Line("")
	v.p.Line("%s", title)
	var rows [][]string
	for _, a := range all[:min(len(all), most)] {
		rows = append(rows, []string{"  " + a.Address.String(), string(a.State), term.Short(v.At.Sub(a.Since)), a.Bead, town.Visible(a.Evidence)})
	}
	v.p.Table([]string{"  AGENT", "STATE", "FOR", "BEAD", "WHY"}, rows)
	if len(all) > most {
		v.p.Line("  and %d more: %s", len(all)-most, more)
	}
}

// recovering says how far a recovery is.
var recovering = map[operational.RecoveryState]string{
	operational.RecoveryBegun: "its work is being saved", operational.RecoveryReturned: "queued again soon", operational.RecoveryBlocked: "blocked: it loses its workers",
}

// lost are the beads that were taken away from a worker, and the polecats that seem to be
// done but did not run gt done.
func (v view) lost() {
	var rows [][]string
	for _, r := range v.Recoveries {
		rows = append(rows, []string{"  " + r.Agent.String(), r.Bead, "taken away", term.Short(v.At.Sub(r.Changed)), recovering[r.State]})
	}
	for _, w := range v.Unsaid {
		bead := ""
		if i := slices.IndexFunc(v.Agents, func(a operational.Agent) bool { return a.Address == w.Agent }); i >= 0 {
			bead = v.Agents[i].Bead
		}
		rows = append(rows, []string{"  " + w.Agent.String(), bead, w.Verdict, term.Short(v.At.Sub(w.Since)), town.Visible(w.Evidence)})
	}
	if len(rows) == 0 {
		return
	}
	v.p.Line("")
	v.p.Line("With the Witness: %d (gt witness status)", len(rows))
	v.p.Table([]string{"  AGENT", "BEAD", "STATE", "FOR", "WHY"}, rows[:min(len(rows), maxLost)])
}

// waiting are the beads that wait for a worker or for being merged.
func (v view) waiting() {
	var queue, merges []string
	for _, w := range v.Queue {
		queue = append(queue, fmt.Sprintf("%s (%s, %s)", w.Bead, w.Rig, term.Short(v.At.Sub(w.At))))
	}
	for _, m := range v.Merges {
		merges = append(merges, fmt.Sprintf("%s (%s, %s)", m.Bead, m.Agent.Rig, term.Short(v.At.Sub(m.At))))
	}
	if len(queue)+len(merges) > 0 {
		v.p.Line("")
	}
	v.list("Queue       ", queue, "gt queue list")
	for _, h := range v.Holds {
		v.p.Wrapped(term.Warn, "            ", fmt.Sprintf("%s waits for %s: %s", h.Rig, h.Bound, town.Clip(town.Visible(h.Why), maxReason)))
	}
	v.list("To merge    ", merges, "gt status --json")
}

func (v view) list(label string, all []string, more string) {
	if len(all) == 0 {
		return
	}
	text := fmt.Sprintf("%d: %s", len(all), strings.Join(all[:min(len(all), maxWaiting)], ", "))
	if len(all) > maxWaiting {
		text += ", ... " + more
	}
	v.p.Wrapped("", label, text)
}

func (v view) counts() {
	if b := v.Beads; b != nil {
		v.p.Wrapped("", "Beads       ", fmt.Sprintf("%d open, %d ready, %d in progress, %d blocked, %d in all", b.Open, b.Ready, b.InProgress, b.Blocked, b.Total))
	}
	if m := v.Mail; m != nil {
		text := fmt.Sprintf("%d unread", m.Unread)
		if m.Urgent > 0 {
			text += fmt.Sprintf(", %d urgent", m.Urgent)
		}
		var boxes []string
		for _, b := range m.Boxes[:min(len(m.Boxes), maxBoxes)] {
			boxes = append(boxes, fmt.Sprintf("%s %d", b.Name, b.Unread))
		}
		if len(boxes) > 0 {
			text += ": " + strings.Join(boxes, ", ")
		}
		if more := len(m.Boxes) - len(boxes); more > 0 {
			text += " and " + term.Plural(more, "other mailbox", "other mailboxes")
		}
		v.p.Wrapped("", "Mail        ", text)
	}
	if s := v.Sessions; s != nil {
		text := fmt.Sprintf("%d in tmux", s.Count)
		if s.Attached > 0 {
			text += fmt.Sprintf(", %d attached", s.Attached)
		}
		v.p.Line("Sessions    %s", text)
	}
}

func (v view) federation() {
	f := v.Federation
	if f == nil {
		return
	}
	if len(f.Remotes) == 0 {
		v.p.Line("Federation  none")
	}
	for _, r := range f.Remotes {
		style, text := term.Style(""), r.Name+": "
		switch {
		case !r.Confirmed:
			style, text = term.Warn, text+"not confirmed"
		case r.Verified.IsZero():
			text += "never verified"
		default:
			text += "verified " + term.Short(v.At.Sub(r.Verified)) + " ago"
		}
		if r.Failing != "" {
			style, text = term.Bad, text+"; the last "+r.Failing+" failed: "+town.Clip(r.Error, maxReason)
		}
		v.p.Wrapped(style, "Federation  ", text)
	}
	if f.Reviews > 0 {
		v.p.Styled(term.Warn, "Reviews     %d wait for a person: gt federation conflicts", f.Reviews)
	}
}
