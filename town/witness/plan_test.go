package witness

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/agent"
	"gastown/town/polecat"
	"gastown/town/process"
	"gastown/town/rig"
)

var noon = time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)

var usual = Thresholds{
	Start: 3 * time.Minute, Quiet: time.Minute, Idle: 3 * time.Minute, Silent: 15 * time.Minute, Computing: time.Hour, Progress: 2 * time.Hour,
	Waiting: 24 * time.Hour, Nudges: 2, NudgeInterval: 5 * time.Minute, Recoveries: 2, Many: 3, Hold: 30 * time.Minute,
}

const head = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// one is a polecat at noon. Its zero value was handed its work five hours ago and prints.
type one struct {
	name     string
	state    town.AssignmentState // Working unless set
	began    time.Duration        // how long ago; five hours unless set
	gone     bool                 // it has no session
	ended    bool
	output   time.Duration // how long ago
	beat     time.Duration
	moved    time.Duration // how long ago the sandbox changed; a minute unless set
	typed    time.Duration // a person is attached and typed so long ago
	screen   *Screen
	computes *bool // nil: nobody knows
	lead     rig.Lead
	nudges   int
	nudged   time.Duration // how long ago
	since    time.Duration // how long the verdict stands
	verdict  Verdict       // of the last patrol
	cause    string
	begun    bool
	trouble  bool
	run      town.Run // of the session; 2 unless set
}

func (o one) address() town.Address {
	if o.name == "" {
		o.name = "nux"
	}
	return town.PolecatAddress("web", o.name)
}

// snapshot makes a Town of some polecats.
func snapshot(t Thresholds, all ...one) Snapshot {
	s := Snapshot{
		Now: noon, Thresholds: t, Rigs: []string{"web"}, Sessions: map[town.Address]*Session{}, Leads: map[string]map[string]rig.Lead{"web": {}},
		Traces: map[town.Address]string{}, Beads: map[string]polecat.Bead{},
	}
	or := func(d, usual time.Duration) time.Duration {
		if d == 0 {
			return usual
		}
		return d
	}
	for i, o := range all {
		who := o.address()
		bead := "web-" + who.Name
		a := operational.Assignment{
			Ticket: town.Ticket{Bead: bead, Agent: who, Run: 2, Epoch: town.Epoch(i + 1)}, State: o.state, Told: true, Sessions: 1,
			Changed: noon.Add(-or(o.began, 5*time.Hour)),
		}
		if a.State == "" {
			a.State = town.Working
		}
		if o.trouble {
			a.Trouble = &operational.StartTrouble{Tries: 2, Reason: "there is no such program"}
		}
		s.Work.Assignments = append(s.Work.Assignments, a)
		row := operational.Agent{Address: who, Run: 2, Bead: bead, Session: who.String()}
		if a.State == town.Assigned && o.gone {
			row.Session = ""
		}
		if o.beat > 0 {
			row.Beat = noon.Add(-o.beat)
		}
		s.Work.Agents = append(s.Work.Agents, row)
		if o.begun {
			s.Work.Recoveries = append(s.Work.Recoveries, operational.Recovery{Ticket: a.Ticket, State: operational.RecoveryBegun, Why: "stalled", At: noon})
		}
		w := operational.Watched{
			Agent: who, Run: 2, Epoch: a.Epoch, Print: "t/" + o.lead.Head, Moved: noon.Add(-or(o.moved, time.Minute)), Walked: noon, Nudges: o.nudges,
			Verdict: string(o.verdict), Cause: o.cause, Since: noon.Add(-o.since),
		}
		if o.nudges > 0 {
			w.Nudged = noon.Add(-o.nudged)
			w.Output = noon.Add(-5 * time.Hour)
		}
		s.Traces[who] = "t"
		if !o.gone {
			run := o.run
			if run == 0 {
				run = 2
			}
			session := &Session{
				Session: polecat.Session{Agent: who, Run: run, Name: who.String(), Ended: o.ended, Output: noon.Add(-o.output)}, PID: 100 + i, Screen: o.screen,
			}
			if o.ended {
				session.Status = 3
			}
			if o.typed > 0 {
				session.Attached, session.Typed = 1, noon.Add(-o.typed)
			}
			session.Usage = &process.Usage{Running: 2, CPU: time.Hour}
			if o.computes != nil {
				w.Sampled, w.CPU = noon.Add(-10*time.Minute), time.Hour
				if *o.computes {
					w.CPU = 55 * time.Minute
				}
			}
			s.Sessions[who] = session
		}
		if o.lead.Head != "" {
			s.Leads["web"][who.Branch(bead)] = o.lead
		}
		s.Watched = append(s.Watched, w)
	}
	return s
}

var (
	prompt = &Screen{State: agent.Ready, Prompt: true}
	blind  = &Screen{State: agent.Ready} // a program whose prompt nobody knows
	busy   = &Screen{State: agent.Busy, Prompt: true}
	ahead  = rig.Lead{Head: head}
	pushed = rig.Lead{Head: head, Pushed: head}
)

func asks(dialog string) *Screen {
	return &Screen{State: agent.Waiting, Prompt: true, Dialog: dialog, Last: "1. Yes"}
}

const (
	minute = time.Minute
	hour   = time.Hour
)

// A polecat is judged by several signs together.
func TestJudge(t *testing.T) {
	yes, no := true, false
	for what, c := range map[string]struct {
		one     one
		verdict Verdict
		cause   string
	}{
		"it prints":                                     {one{}, Healthy, ""},
		"it just got its work":                          {one{began: minute, output: 5 * hour}, Healthy, ""},
		"silent, with a heartbeat":                      {one{output: hour, moved: hour, beat: minute, computes: &no}, Healthy, ""},
		"silent, and its sandbox changes":               {one{output: hour, moved: 2 * minute, computes: &no}, Healthy, ""},
		"silent, and a person types":                    {one{output: hour, moved: hour, typed: minute, computes: &no}, Healthy, ""},
		"silent for less than the threshold":            {one{output: 14 * minute, moved: hour, computes: &no}, Healthy, ""},
		"silent, and nobody knows whether it computes":  {one{output: 20 * minute, moved: hour}, Healthy, ""},
		"silent, and it computes":                       {one{output: 20 * minute, moved: hour, computes: &yes}, Healthy, ""},
		"silent for long, and nobody looked before":     {one{output: 90 * minute, moved: 90 * minute, lead: pushed, screen: blind}, Healthy, ""},
		"silent for long, and it computes":              {one{output: 2 * hour, moved: 2 * hour, computes: &yes}, Stalled, CauseSilent},
		"silent":                                        {one{output: 16 * minute, moved: hour, computes: &no}, Stalled, CauseSilent},
		"silent, with commits, at no prompt":            {one{output: 16 * minute, moved: hour, computes: &no, lead: ahead}, Stalled, CauseSilent},
		"silent, with commits at a prompt nobody knows": {one{output: 16 * minute, moved: hour, computes: &no, lead: ahead, screen: blind}, Stalled, CauseSilent},
		"silent, and it pushed":                         {one{output: 16 * minute, moved: hour, computes: &no, lead: pushed, screen: blind}, Unsaid, CausePushed},
		"silent, and it pushed something else":          {one{output: 16 * minute, moved: hour, computes: &no, lead: rig.Lead{Head: head, Pushed: "b"}}, Stalled, CauseSilent},
		"at its prompt for a moment":                    {one{output: 2 * minute, moved: hour, screen: prompt, computes: &no}, Healthy, ""},
		"at its prompt":                                 {one{output: 4 * minute, moved: hour, screen: prompt, computes: &no}, Stalled, CauseIdle},
		"at its prompt, and its sandbox just changed":   {one{output: 4 * minute, moved: minute, screen: prompt, computes: &no}, Healthy, ""},
		"at its prompt, with a heartbeat":               {one{output: 4 * minute, moved: hour, beat: minute, screen: prompt, computes: &no}, Healthy, ""},
		"at its prompt with commits":                    {one{output: 4 * minute, moved: 10 * minute, screen: prompt, computes: &no, lead: ahead}, Unsaid, CauseCommits},
		"busy on the screen for long":                   {one{output: 16 * minute, moved: hour, screen: busy, computes: &no}, Stalled, CauseSilent},
		"it prints and gets nowhere":                    {one{moved: 3 * hour}, Stalled, CauseProgress},
		"it prints and got somewhere an hour ago":       {one{moved: hour}, Healthy, ""},
		"a login":                           {one{output: 2 * minute, moved: 3 * hour, screen: asks("login")}, Waiting, "login"},
		"a usage limit":                     {one{output: 2 * minute, screen: asks("usage limit")}, Waiting, "usage limit"},
		"a question":                        {one{output: hour, screen: asks("question")}, Waiting, "question"},
		"words of a dialog while it prints": {one{output: time.Second, screen: asks("usage limit")}, Healthy, ""},
		"a dialog of the start":             {one{state: town.Assigned, began: minute, output: minute, screen: asks("trust")}, Waiting, "trust"},
		"its session starts":                {one{state: town.Assigned, began: minute, gone: true}, Starting, ""},
		"its session starts for long":       {one{state: town.Assigned, began: hour, gone: true}, Stalled, CauseStart},
		"its agent is not ready":            {one{state: town.Assigned, began: minute}, Starting, ""},
		"its agent is never ready":          {one{state: town.Assigned, began: hour}, Stalled, CauseStart},
		"its start is tried again":          {one{state: town.Assigned, began: hour, trouble: true, gone: true}, Starting, ""},
		"the session of a former run":       {one{state: town.Assigned, began: minute, run: 1}, Starting, ""},
		"no session":                        {one{gone: true}, Zombie, CauseGone},
		"its program ended":                 {one{ended: true}, Zombie, CauseCrash},
		"its recovery was begun":            {one{gone: true, begun: true}, Recovering, ""},
	} {
		found := Findings(snapshot(usual, c.one))
		if len(found) != 1 || found[0].Verdict != c.verdict || found[0].Cause != c.cause || found[0].Evidence == "" {
			t.Errorf("%s: %+v, want %s (%s)", what, found, c.verdict, c.cause)
		}
	}
}

// What is remembered begins anew with another run, and when the sandbox changes.
func TestRemembered(t *testing.T) {
	silent := one{output: hour, moved: hour, nudges: 2, nudged: 6 * minute, verdict: Stalled, cause: CauseSilent, since: 20 * minute, computes: new(false)}
	s := snapshot(usual, silent)
	f := Findings(s)[0]
	if f.Since != noon.Add(-20*minute) || f.Nudges != 2 {
		t.Errorf("the same verdict: %+v", f)
	}
	s.Traces[f.Agent] = "changed"
	if f := Findings(s)[0]; f.Verdict != Healthy || f.Nudges != 0 || f.row.Moved != noon || !f.row.Nudged.IsZero() {
		t.Errorf("its sandbox changed: %+v, %+v", f, f.row)
	}
	s = snapshot(usual, silent)
	s.Watched[0].Run = 1
	if f := Findings(s)[0]; f.Nudges != 0 || f.row.Run != 2 || f.Since != noon {
		t.Errorf("another run: %+v", f)
	}
	// A nudge makes a terminal echo it. That is no sign of life.
	silent.output = 5 * minute
	if f := Findings(snapshot(usual, silent))[0]; f.Verdict != Stalled {
		t.Errorf("an echo counts: %+v", f)
	}
	silent.output = 30 * time.Second
	if f := Findings(snapshot(usual, silent))[0]; f.Verdict != Healthy {
		t.Errorf("it went on after a nudge: %+v", f)
	}
}

// said are the deeds that are planned, with whom they are about.
func said(s Snapshot) (all []string) {
	for _, a := range Plan(s, Findings(s)) {
		who := a.Agent.Name
		if who == "" {
			who = strings.TrimPrefix(a.trouble.Key, keyPrefix)
		}
		all = append(all, string(a.Deed)+" "+who)
	}
	return all
}

// A polecat is nudged so often, a pause apart; then its work is taken away.
func TestPlan(t *testing.T) {
	no := false
	stalled := func(nudges int, nudged, since time.Duration) one {
		return one{output: hour, moved: hour, computes: &no, nudges: nudges, nudged: nudged, verdict: Stalled, cause: CauseSilent, since: since}
	}
	unsaid := func(nudges int, nudged time.Duration) one {
		return one{output: hour, moved: hour, computes: &no, screen: prompt, lead: ahead, nudges: nudges, nudged: nudged, verdict: Unsaid, cause: CauseCommits, since: hour}
	}
	none := usual
	none.Nudges = 0
	for what, c := range map[string]struct {
		t    Thresholds
		all  []one
		want string
	}{
		"healthy":                           {usual, []one{{}}, ""},
		"the first nudge":                   {usual, []one{stalled(0, 0, 0)}, "nudge nux"},
		"not again at once":                 {usual, []one{stalled(1, 4*minute, 5*minute)}, ""},
		"the second nudge":                  {usual, []one{stalled(1, 5*minute, 6*minute)}, "nudge nux"},
		"time after the last nudge":         {usual, []one{stalled(2, 4*minute, hour)}, ""},
		"taken away":                        {usual, []one{stalled(2, 5*minute, hour)}, "recover nux"},
		"without nudges":                    {none, []one{stalled(0, 0, 0)}, "recover nux"},
		"finished":                          {usual, []one{unsaid(0, 0)}, "nudge nux"},
		"finished, nudged":                  {usual, []one{unsaid(2, 6*minute)}, "hand in nux"},
		"never ready":                       {usual, []one{{state: town.Assigned, began: hour, verdict: Stalled, cause: CauseStart, since: 5 * minute}}, "recover nux"},
		"never ready, just seen":            {usual, []one{{state: town.Assigned, began: hour}}, ""},
		"begun":                             {usual, []one{{gone: true, begun: true}}, "recover nux"},
		"a zombie":                          {usual, []one{{gone: true}}, ""},
		"a question":                        {usual, []one{{output: hour, screen: asks("question")}}, "tell a person web/waiting/question/nux"},
		"two questions":                     {usual, []one{{output: hour, screen: asks("question")}, {name: "ace", output: hour, screen: asks("question")}}, "tell a person web/waiting/question/ace, tell a person web/waiting/question/nux"},
		"two logins are one trouble":        {usual, []one{{output: hour, screen: asks("login")}, {name: "ace", output: hour, screen: asks("login")}}, "tell a person web/waiting/login"},
		"a person did not come":             {usual, []one{{output: 30 * hour, screen: asks("login"), verdict: Waiting, cause: "login", since: 25 * hour}}, "recover nux, tell a person web/waiting/login"},
		"many are one trouble":              {usual, []one{{output: hour, screen: asks("login")}, {name: "a", output: hour, screen: asks("question")}, {name: "b", gone: true}, {name: "c", ended: true}}, "tell a person web/many"},
		"nothing is taken away while many":  {usual, []one{stalled(2, 6*minute, hour), {name: "a", gone: true}, {name: "b", gone: true}, {name: "c", ended: true}}, "tell a person web/many"},
		"but not for ever":                  {usual, []one{stalled(2, 36*minute, hour), {name: "a", gone: true}, {name: "b", gone: true}, {name: "c", ended: true}}, "recover nux, tell a person web/many"},
		"three are not many":                {usual, []one{stalled(2, 6*minute, hour), {name: "a", gone: true}, {name: "b", gone: true}}, "recover nux"},
		"nudges go on while many are stuck": {usual, []one{stalled(0, 0, 0), {name: "a", gone: true}, {name: "b", gone: true}, {name: "c", ended: true}}, "nudge nux, tell a person web/many"},
	} {
		s := snapshot(c.t, c.all...)
		if got := strings.Join(said(s), ", "); got != c.want {
			t.Errorf("%s: %s, want %s", what, got, c.want)
		}
		s.Unknown = fmt.Errorf("tmux does not answer")
		if got := said(s); len(got) > 0 {
			t.Errorf("%s, and nobody knows the sessions: %v", what, got)
		}
	}
}

// What was given back waits for another worker, unless somebody else decided; what is
// blocked is told until a person let it go on.
func TestRecoveries(t *testing.T) {
	r := operational.Recovery{Ticket: town.Ticket{Bead: "web-a", Agent: town.PolecatAddress("web", "nux"), Run: 1, Epoch: 7}, Why: "stalled", At: noon}
	for what, c := range map[string]struct {
		state  operational.RecoveryState
		bead   polecat.Bead
		gone   bool
		holds  bool
		raised string
		want   string
	}{
		"open":                             {operational.RecoveryReturned, polecat.Bead{Status: town.StatusOpen}, false, false, "", "queue again nux"},
		"the ledger is not told":           {operational.RecoveryReturned, polecat.Bead{Status: town.StatusInProgress}, false, true, "", ""},
		"somebody has it":                  {operational.RecoveryReturned, polecat.Bead{Status: town.StatusOpen, Assignee: "ada"}, false, false, "", "leave nux"},
		"closed":                           {operational.RecoveryReturned, polecat.Bead{Status: town.StatusClosed}, false, false, "", "leave nux"},
		"deleted":                          {operational.RecoveryReturned, polecat.Bead{}, true, false, "", "leave nux"},
		"blocked":                          {operational.RecoveryBlocked, polecat.Bead{Status: town.StatusBlocked}, false, false, "", "tell a person web/lost/web-a"},
		"blocked, and told":                {operational.RecoveryBlocked, polecat.Bead{Status: town.StatusBlocked}, false, false, "witness/web/lost/web-a", ""},
		"a person opened it":               {operational.RecoveryBlocked, polecat.Bead{Status: town.StatusOpen}, false, false, "witness/web/lost/web-a", "free nux, settle web/lost/web-a"},
		"begun a moment ago":               {operational.RecoveryBegun, polecat.Bead{Status: town.StatusInProgress}, false, true, "", ""},
		"the trouble of another rig":       {operational.RecoveryLeft, polecat.Bead{}, false, false, "witness/api/many", ""},
		"a trouble that has gone":          {operational.RecoveryLeft, polecat.Bead{}, false, false, "witness/web/many", "settle web/many"},
		"an escalation of somebody else's": {operational.RecoveryLeft, polecat.Bead{}, false, false, "refinery/web/red", ""},
	} {
		s := snapshot(usual)
		one := r
		one.State = c.state
		if slices.Index(operational.RecoveryStates, c.state) < 3 {
			s.Work.Recoveries = []operational.Recovery{one}
		}
		if !c.gone {
			s.Beads["web-a"] = c.bead
		}
		if c.holds {
			s.Work.Assignments = []operational.Assignment{{Ticket: one.Ticket, State: town.Returned}}
		}
		if c.raised != "" {
			s.Raised = []string{c.raised}
		}
		if got := strings.Join(said(s), ", "); got != c.want {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
	s := snapshot(usual)
	r.State, r.At = operational.RecoveryBegun, noon.Add(-hour)
	s.Work.Recoveries = []operational.Recovery{r}
	if got := strings.Join(said(s), ", "); got != "tell a person web/unsaved/nux" {
		t.Errorf("work that cannot be saved: %q", got)
	}
}
