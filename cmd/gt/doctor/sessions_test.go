package doctor

import (
	"strings"
	"testing"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/agent"
)

// Only the session of a polecat of which the Town does not know is told, with what to do
// about it: what the Town knows it ends by itself, and people's sessions are their own.
func TestSessionsOfNobody(t *testing.T) {
	w := operational.Work{Agents: []operational.Agent{{Address: town.PolecatAddress("web", "nux")}}}
	for what, c := range map[string]struct {
		session agent.Signs
		want    string
		next    string
	}{
		"a known polecat":           {session: agent.Signs{Agent: "web/polecats/nux", Name: "s"}},
		"a known one that ended":    {session: agent.Signs{Agent: "web/polecats/nux", Name: "s", Ended: true}},
		"a member of the crew":      {session: agent.Signs{Agent: "web/crew/ann", Name: "s"}},
		"the Mayor":                 {session: agent.Signs{Agent: "mayor/", Name: "s"}},
		"a person's":                {session: agent.Signs{Name: "s"}},
		"no address":                {session: agent.Signs{Agent: "web/polecats/\x1b[2J", Name: "s"}},
		"an unknown polecat":        {agent.Signs{Agent: "web/polecats/ghost", Name: "s"}, "the session s is of web/polecats/ghost, of which the Town does not know", "gt attach s"},
		"an unknown one that ended": {agent.Signs{Agent: "web/polecats/ghost", Name: "s", Ended: true}, "has ended and is still shown", "gt tmux cleanup --dead"},
		"of another rig":            {agent.Signs{Agent: "api/polecats/nux", Name: "s"}, "api/polecats/nux, of which", "gt attach s"},
	} {
		found := (&doctor{}).session(c.session, w)
		switch {
		case c.want == "" && len(found) > 0:
			t.Errorf("%s: %+v", what, found)
		case c.want != "" && (len(found) != 1 || found[0].Severity != warning || !strings.Contains(found[0].What, c.want) || !strings.Contains(found[0].Next, c.next) || found[0].Fix != ""):
			t.Errorf("%s: %+v", what, found)
		}
	}
}
