package deacon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gastown/cmd/internal/term"
	"gastown/deacon/control"
)

// maxAlive is how many agents gt deacon status names; --json lists all.
const maxAlive = 10

// alivePatience bounds how long the command waits for the names of agents.
const alivePatience = time.Second

// deaconStatus is control.Status. Without a Deacon it says only that none is
// running.
type deaconStatus struct {
	Running bool `json:"running"`
	*control.Status
	// Alive are the agents with a recent heartbeat.
	Alive []control.Agent `json:"alive,omitempty"`
}

func (o *deaconOptions) status(ctx context.Context) error {
	client, s, err := o.reach(ctx, "ask the Deacon for status")
	if errors.Is(err, control.ErrNoDeacon) {
		return errors.Join(err, o.call.Show(deaconStatus{}, func(p *term.Printer) { p.Line("no Deacon runs in this Town") }))
	}
	if err != nil {
		return err
	}
	defer client.Close()
	// The Deacon may be unable to read the agents now; the rest of the status is
	// worth printing without them.
	soon, cancel := context.WithTimeout(ctx, alivePatience)
	defer cancel()
	alive, _ := client.Agents(soon)
	return o.call.Show(deaconStatus{true, &s, alive}, func(p *term.Printer) { o.printStatus(p, s, alive) })
}

func (o *deaconOptions) printStatus(p *term.Printer, s control.Status, alive []control.Agent) {
	up := time.Duration(s.Uptime * float64(time.Second)).Round(time.Second)
	p.Line("Deacon of Town %s, %s for %s", s.Town, s.State, up)
	p.Line("  gt %s, pid %d, user %s, %s", s.Version, s.PID, s.User, s.Root)
	if s.HTTP != "" {
		p.Line("  http://%s/health", s.HTTP)
	}
	if s.SQL != "" {
		p.Line("  serves the planes on %s", s.SQL)
	}
	p.Line("  %s alive", term.Plural(max(s.Agents, len(alive)), "agent", "agents"))
	for _, agent := range alive[:min(len(alive), maxAlive)] {
		p.Line("    %s", p.Fit(fmt.Sprintf("%s  %s, %s  %s", agent.Agent, agent.State, o.shortAgo(agent.At), agent.Note)))
	}
	if s.Problem != "" {
		p.Styled(term.Bad, "  a change of the configuration is not in force: %s", s.Problem)
	}
	if len(s.Pending) > 0 {
		p.Styled(term.Bad, "  takes effect after gt deacon restart: %s", strings.Join(s.Pending, ", "))
	}
	if s.Unserved != "" {
		p.Styled(term.Bad, "  the planes that were lent are not served again yet: %s", s.Unserved)
	}
	p.Line("")
	var rows [][]string
	for _, j := range s.Jobs {
		rows = append(rows, o.jobRow(j))
	}
	p.Table([]string{"JOB", "SCHEDULE", "LAST", "TOOK", "NEXT", "RESULT"}, rows)
	p.Line("")
	width := 10
	for _, c := range s.Checks {
		width = max(width, len(c.Name))
	}
	for _, c := range s.Checks {
		printCheck(p, c, width)
	}
}

func (o *deaconOptions) jobRow(j control.Job) []string {
	last, took, next, result := "never", "", "when asked", ""
	if j.Last != nil {
		last, took, result = o.shortAgo(j.Last.Began), seconds(j.Last.Took), j.Last.Outcome
		if j.Last.Note != "" {
			result += ", " + j.Last.Note
		}
		if j.Failures > 0 {
			result += ", " + term.Plural(j.Failures, "failure", "failures") + " in a row: " + j.Last.Error
		}
	}
	if j.Next != nil {
		next = "in " + max(0, j.Next.Sub(o.call.Now())).Round(time.Second).String()
	}
	switch {
	case j.Stuck:
		result = "stuck: it does not end although it was cancelled"
	case j.Running:
		next = "now"
	}
	return []string{j.Name, j.Schedule, last, took, next, result}
}

// shortAgo is the time since t, for a table.
func (o *deaconOptions) shortAgo(t time.Time) string {
	return max(0, o.call.Now().Sub(t)).Round(time.Second).String() + " ago"
}

// printCheck prints the result of a check. Its name is padded to width columns.
func printCheck(p *term.Printer, c control.Check, width int) {
	style := term.Good
	if c.State != "healthy" {
		style = term.Bad
	}
	p.Styled(style, "%-*s %-8s %s", width, c.Name, c.State, c.Figure)
	if c.State == "healthy" {
		return
	}
	if c.Threshold != "" {
		p.Line("  threshold: %s", c.Threshold)
	}
	for _, d := range c.Details {
		p.Line("  %s", d)
	}
	if c.Next != "" {
		p.Line("  next: %s", c.Next)
	}
}
