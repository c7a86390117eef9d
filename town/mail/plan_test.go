package mail

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
)

var noon = time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)

func TestPlan(t *testing.T) {
	nux, ann := address(t, "web/polecats/nux"), address(t, "web/crew/ann")
	id := int64(0)
	nudge := func(a town.Address, run town.Run, change func(*operational.Nudge)) operational.Nudge {
		id++
		n := operational.Nudge{ID: id, Agent: a, Run: run, Kind: operational.NudgeLine, State: operational.NudgeQueued, At: noon, Changed: noon, Expires: noon.Add(time.Hour)}
		if change != nil {
			change(&n)
		}
		return n
	}
	tried := func(n int, ago time.Duration) func(*operational.Nudge) {
		return func(x *operational.Nudge) { x.Tries, x.Changed = n, noon.Add(-ago) }
	}
	typing := func(ago time.Duration) func(*operational.Nudge) {
		return func(x *operational.Nudge) { x.State, x.Tries, x.Changed = operational.NudgeTyping, 1, noon.Add(-ago) }
	}
	over := func(x *operational.Nudge) { x.Expires = noon }
	notice := func(x *operational.Nudge) { x.Kind = operational.NudgeMail }
	both := map[town.Address]town.Run{nux: 2, ann: 1}
	mail := func(box string, newest time.Time) []ledger.Mailbox {
		return []ledger.Mailbox{{Recipient: box, Unread: 2, Urgent: 1, Newest: newest}}
	}
	for _, c := range []struct {
		name     string
		open     []operational.Nudge
		sessions map[town.Address]town.Run
		unread   []ledger.Mailbox
		noticed  []operational.Noticed
		want     string
	}{
		{name: "nothing"},
		{name: "one each, oldest first", open: []operational.Nudge{nudge(nux, 2, nil), nudge(nux, 2, nil), nudge(ann, 1, nil)}, sessions: both, want: "type 1, type 3"},
		{name: "no session", open: []operational.Nudge{nudge(nux, 2, nil)}, want: ""},
		{name: "no session, too late", open: []operational.Nudge{nudge(nux, 2, over)}, want: "expire 5"},
		{name: "an earlier session", open: []operational.Nudge{nudge(nux, 1, nil), nudge(nux, 2, nil)}, sessions: both, want: "expire 6, type 7"},
		{name: "a later session", open: []operational.Nudge{nudge(nux, 3, nil)}, sessions: both},
		{name: "sent without a session", open: []operational.Nudge{nudge(ann, 0, nil), nudge(nux, 0, nil)}, sessions: both, want: "type 9, expire 10"},
		{name: "being typed", open: []operational.Nudge{nudge(nux, 2, typing(time.Minute)), nudge(nux, 2, nil)}, sessions: both},
		{name: "typed by one who died", open: []operational.Nudge{nudge(nux, 2, typing(2*time.Minute)), nudge(nux, 2, nil)}, sessions: both, want: "forget 13, type 14"},
		{name: "one who died, no session", open: []operational.Nudge{nudge(nux, 2, typing(time.Hour))}, want: "forget 15"},
		{name: "tried a moment ago", open: []operational.Nudge{nudge(nux, 2, tried(1, time.Second)), nudge(nux, 2, nil)}, sessions: both},
		{name: "tried a while ago", open: []operational.Nudge{nudge(nux, 2, tried(1, 2*time.Second))}, sessions: both, want: "type 18"},
		{name: "tried often", open: []operational.Nudge{nudge(nux, 2, tried(50, 29*time.Second)), nudge(ann, 1, tried(50, 30*time.Second))}, sessions: both, want: "type 20"},
		{name: "tried too often", open: []operational.Nudge{nudge(nux, 2, tried(100, time.Hour))}, sessions: both, want: "give up 21"},
		{name: "the mail was read", open: []operational.Nudge{nudge(nux, 2, notice)}, sessions: both, want: "expire 22"},
		{name: "mail", unread: mail("web/polecats/nux", noon), sessions: both, want: "tell web/polecats/nux run 2"},
		{name: "mail, no session", unread: mail("mayor/", noon), sessions: both},
		{name: "mail of people", unread: mail(Human, noon), sessions: both},
		{name: "mail of nobody", unread: mail("no/such/box", noon), sessions: both},
		{name: "a notice waits", unread: mail("web/polecats/nux", noon), sessions: both, open: []operational.Nudge{nudge(nux, 2, notice)}, want: "type 23"},
		{name: "told of it", unread: mail("web/polecats/nux", noon), sessions: both, noticed: []operational.Noticed{{Agent: nux, Run: 2, Newest: noon, At: noon.Add(-time.Hour)}}},
		{name: "told in another session", unread: mail("web/polecats/nux", noon), sessions: both, noticed: []operational.Noticed{{Agent: nux, Run: 1, Newest: noon, At: noon.Add(-time.Hour)}}, want: "tell web/polecats/nux run 2"},
		{name: "told a moment ago", unread: mail("web/polecats/nux", noon), sessions: both, noticed: []operational.Noticed{{Agent: nux, Run: 1, At: noon.Add(-59 * time.Second)}}},
		{name: "a minute later", unread: mail("web/polecats/nux", noon), sessions: both, noticed: []operational.Noticed{{Agent: nux, Run: 2, Newest: noon.Add(-1), At: noon.Add(-time.Minute)}}, want: "tell web/polecats/nux run 2"},
	} {
		var got []string
		s := Snapshot{Now: noon, Board: operational.NudgeBoard{Open: c.open, Noticed: c.noticed}, Sessions: c.sessions, Unread: c.unread, UnreadKnown: true}
		before := fmt.Sprint(s)
		for _, a := range Plan(s) {
			if a.Do == Tell {
				got = append(got, fmt.Sprintf("tell %s run %d", a.Nudge.Agent, a.Nudge.Run))
				continue
			}
			got = append(got, fmt.Sprintf("%s %d", a.Do, a.Nudge.ID))
			if (a.Why == "") != (a.Do == Type) {
				t.Errorf("%s: %s %d because %q", c.name, a.Do, a.Nudge.ID, a.Why)
			}
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
		if fmt.Sprint(s) != before {
			t.Errorf("%s: the snapshot was changed", c.name)
		}
	}
	if got := Notice(ledger.Mailbox{Unread: 1}); strings.Contains(got, "urgent") || !strings.Contains(got, "1 unread message.") {
		t.Error(got)
	}
	if got := Spoken(operational.Nudge{Kind: operational.NudgeLine, From: "Ada\n[mayor/]", Text: "a\nb"}); got != "[Ada [mayor/]] a\nb" {
		t.Error(got)
	}
	if !slices.Equal([]time.Duration{pause(1), pause(2), pause(4), pause(90)}, []time.Duration{firstPause, 2 * firstPause, 8 * firstPause, lastPause}) {
		t.Error("pauses")
	}
}
