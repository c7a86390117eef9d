package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gastown/deacon"
	"gastown/deacon/control"
	"gastown/town"
)

// maxAlive is how many agents gt deacon status names; --json has all.
const maxAlive = 10

// alivePatience is how long the names of agents are waited for.
const alivePatience = time.Second

// deaconStatus is control.Status for printing; only running when there is none.
type deaconStatus struct {
	Running bool `json:"running"`
	*control.Status
	// Alive are the agents that were heard lately.
	Alive []control.Agent `json:"alive,omitempty"`
}

func (o *deaconOptions) status(ctx context.Context) error {
	t, client, err := o.app.deacon()
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, o.app.Wait)
	defer cancel()
	s, err := client.Status(ctx)
	if errors.Is(err, control.ErrNoDeacon) {
		who, held, lockErr := deacon.Holder(t)
		if held {
			return town.Fail("ask the Deacon for status", "try again in a moment", "%w: %s starts or stops", town.ErrBusy, who)
		}
		none := o.app.show(deaconStatus{}, func(p *printer) { p.line("no Deacon runs in this Town") })
		return errors.Join(err, lockErr, none)
	}
	if err != nil {
		return err
	}
	// Who is alive is an addition; the Deacon may be unable to read it just now.
	soon, cancel := context.WithTimeout(ctx, alivePatience)
	defer cancel()
	alive, _ := client.Agents(soon)
	return o.app.show(deaconStatus{true, &s, alive}, func(p *printer) { o.app.sayDeacon(p, s, alive) })
}

func (a *App) sayDeacon(p *printer, s control.Status, alive []control.Agent) {
	up := time.Duration(s.Uptime * float64(time.Second)).Round(time.Second)
	p.line("Deacon of Town %s, %s for %s", s.Town, s.State, up)
	p.line("  gt %s, pid %d, user %s, %s", s.Version, s.PID, s.User, s.Root)
	if s.HTTP != "" {
		p.line("  http://%s/health", s.HTTP)
	}
	if s.SQL != "" {
		p.line("  serves the planes on %s", s.SQL)
	}
	p.line("  %s alive", plural(max(s.Agents, len(alive)), "agent", "agents"))
	for _, agent := range alive[:min(len(alive), maxAlive)] {
		p.line("    %s", p.Fit(fmt.Sprintf("%s  %s, %s  %s", agent.Agent, agent.State, a.shortAgo(agent.At), agent.Note)))
	}
	if s.Problem != "" {
		p.styled(styleBad, "  a change of the configuration is not in force: %s", s.Problem)
	}
	if len(s.Pending) > 0 {
		p.styled(styleBad, "  takes effect after gt deacon restart: %s", strings.Join(s.Pending, ", "))
	}
	if s.Unserved != "" {
		p.styled(styleBad, "  the planes that were lent are not served again yet: %s", s.Unserved)
	}
	p.line("")
	var rows [][]string
	for _, j := range s.Jobs {
		rows = append(rows, a.jobRow(j))
	}
	p.table([]string{"JOB", "SCHEDULE", "LAST", "TOOK", "NEXT", "RESULT"}, rows)
	p.line("")
	for _, c := range s.Checks {
		a.sayCheck(p, c)
	}
}

func (a *App) jobRow(j control.Job) []string {
	last, took, next, result := "never", "", "when asked", ""
	if j.Last != nil {
		last, took, result = a.shortAgo(j.Last.Began), seconds(j.Last.Took), j.Last.Outcome
		if j.Last.Note != "" {
			result += ", " + j.Last.Note
		}
		if j.Failures > 0 {
			result += ", " + plural(j.Failures, "failure", "failures") + " in a row: " + j.Last.Error
		}
	}
	if j.Next != nil {
		next = "in " + max(0, j.Next.Sub(a.Now())).Round(time.Second).String()
	}
	switch {
	case j.Stuck:
		result = "stuck: it does not end although it was cancelled"
	case j.Running:
		next = "now"
	}
	return []string{j.Name, j.Schedule, last, took, next, result}
}

// shortAgo words a time for a table.
func (a *App) shortAgo(t time.Time) string {
	return max(0, a.Now().Sub(t)).Round(time.Second).String() + " ago"
}

// sayCheck tells what a check found.
func (a *App) sayCheck(p *printer, c control.Check) {
	style := styleGood
	if c.State != "healthy" {
		style = styleBad
	}
	p.styled(style, "%-10s %-8s %s", c.Name, c.State, c.Figure)
	if c.State == "healthy" {
		return
	}
	if c.Threshold != "" {
		p.line("  threshold: %s", c.Threshold)
	}
	for _, d := range c.Details {
		p.line("  %s", d)
	}
	if c.Next != "" {
		p.line("  next: %s", c.Next)
	}
}
