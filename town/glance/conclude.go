package glance

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"gastown/planes/operational"
	"gastown/tmux"
	"gastown/town"
)

// conclude derives what follows from several parts.
func (r *reading) conclude() {
	r.countRigs()
	for _, c := range r.checkState {
		if c.State != "healthy" {
			r.Alerts = append(r.Alerts, Alert{Name: c.Name, State: c.State, Text: c.Figure, Since: c.Since, Next: "gt deacon run " + c.Name})
		}
	}
	if r.Unsettled > 0 {
		r.Alerts = append(r.Alerts, Alert{
			Name: "ledger", State: "warning", Text: fmt.Sprintf("%d assignment(s) have ended and the ledger does not say so yet", r.Unsettled),
		})
	}
	r.compareSessions()
	// The worst first; those of the same state in the order of their names.
	slices.SortStableFunc(r.Alerts, func(a, b Alert) int {
		return cmp.Or(cmp.Compare(severity(a.State), severity(b.State)), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(r.Missing, func(a, b Missing) int { return cmp.Compare(a.Part, b.Part) })
}

func severity(state string) int {
	return slices.Index([]string{"warning", "unknown", "error", "critical"}, state) * -1
}

// countRigs counts what each rig has.
func (r *reading) countRigs() {
	byName := map[string]*Rig{}
	rig := func(name string) *Rig {
		if byName[name] == nil {
			byName[name] = &Rig{Name: name, Polecats: map[town.AgentState]int{}, Unknown: r.rigsKnown && !slices.Contains(r.rigs, name)}
		}
		return byName[name]
	}
	for _, name := range r.rigs {
		rig(name)
	}
	for _, a := range r.Agents {
		switch a.Address.Kind {
		case town.Polecat:
			rig(a.Address.Rig).Polecats[a.State]++
			r.Polecats[a.State]++
		case town.Crew:
			rig(a.Address.Rig).Crew++
		case town.Witness, town.Refinery:
			rig(a.Address.Rig)
		}
	}
	for _, w := range r.Queue {
		rig(w.Rig).Queued++
	}
	for _, m := range r.Merges {
		rig(m.Agent.Rig).Merging++
	}
	for _, v := range byName {
		r.Rigs = append(r.Rigs, *v)
	}
	slices.SortFunc(r.Rigs, func(a, b Rig) int { return cmp.Compare(a.Name, b.Name) })
}

// maxNamed is how many names one alert gives.
const maxNamed = 3

// freshSession is how long a session may lack a row, or a row its session: one of the
// two is made after the other.
const freshSession = time.Minute

// compareSessions finds agents whose session is gone, and sessions that no agent has.
func (r *reading) compareSessions() {
	if r.Sessions == nil || !r.workKnown {
		return
	}
	has := map[string]bool{}
	var gone, strange []string
	for _, a := range r.Agents {
		has[a.Session] = true
		if a.Session != "" && r.At.Sub(a.Since) > freshSession && !slices.ContainsFunc(r.sessions, func(s tmux.Session) bool { return s.Name == a.Session }) {
			gone = append(gone, a.Address.String())
		}
	}
	for _, s := range r.sessions {
		if !has[s.Name] && r.At.Sub(s.Created) > freshSession {
			strange = append(strange, s.Name)
		}
	}
	if len(gone) > 0 {
		r.Alerts = append(r.Alerts, Alert{Name: "sessions", State: "warning", Text: "the session is gone of " + some(gone)})
	}
	if len(strange) > 0 {
		r.Alerts = append(r.Alerts, Alert{Name: "sessions", State: "warning", Text: "no agent has the session " + some(strange), Next: "gt tmux list"})
	}
}

// some names the first few.
func some(names []string) string {
	text := strings.Join(names[:min(len(names), maxNamed)], ", ")
	if more := len(names) - maxNamed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// why is an error's text in plain words, without the kind.
func why(err error) string {
	text := town.Plain(err.Error())
	for _, kind := range []error{town.ErrBusy, town.ErrRefused, town.ErrUsage} {
		text = strings.ReplaceAll(text, kind.Error()+": ", "")
	}
	return text
}

// Troubled are the agents that a person should look at, those that have been so for
// longest first.
func (s Snapshot) Troubled() (all []operational.Agent) {
	for _, a := range s.Agents {
		switch a.State {
		case town.AgentWaiting, town.AgentStalled, town.AgentZombie:
			all = append(all, a)
		}
	}
	slices.SortStableFunc(all, func(a, b operational.Agent) int { return a.Since.Compare(b.Since) })
	return all
}
