package access

import (
	"fmt"
	"slices"

	"gastown/town"
)

// agentRule is what agents of some kind may not do, also where their person may.
type agentRule struct {
	kind     town.AgentKind
	patterns []string
	// why is the reason, and instead the right way.
	why, instead string
}

// mayor is how a polecat asks for what it may not do itself.
const mayor = "tell the Mayor: gt mail send mayor/ -s SUBJECT -m TEXT"

var agentRules = []agentRule{
	{
		town.Polecat, []string{SlingPolecat, NukePolecat, WriteConvoy, RunWitness, WriteRefinery, AdminRig, WriteCrew},
		"a polecat does one bead; it does not manage others", "make a bead of what should be done (bd create), then " + mayor,
	},
	{
		town.Polecat, []string{"*:admin", PromoteTown, WriteFederation, EnterSession},
		"a polecat does one bead; the Town is for people and the Mayor to change", mayor,
	},
}

// MayAgent says whether agents of a kind may do an action. The person they run for needs
// the permission, too. OthersBead says which beads an agent may change.
func MayAgent(kind town.AgentKind, action string) Decision {
	for _, r := range agentRules {
		if r.kind == kind && slices.ContainsFunc(r.patterns, func(p string) bool { return match(p, action) }) {
			return Decision{Who: string(kind), Action: action, Rule: restricting + action, Reason: r.why, Next: r.instead}
		}
	}
	return allow(string(kind), action, "no rule for agents speaks against it")
}

// OthersBead says whether an agent may change a bead that is assigned to somebody. A
// polecat may change what is its own or nobody's; see OwnBead.
func OthersBead(a town.Address, bead, assignee string) Decision {
	if a.Kind != town.Polecat || assignee == "" || assignee == a.String() {
		return allow(a.String(), WriteLedger, "the bead is its own, or nobody's")
	}
	return Decision{
		Who: a.String(), Action: WriteLedger, Rule: restricting + WriteLedger,
		Reason: bead + " is the work of " + town.Clip(assignee, maxText) + ", and a polecat writes only its own beads",
		Next:   "write to whoever has it: gt mail send " + town.Typed(assignee) + " -s SUBJECT -m TEXT",
	}
}

// OwnBead says whether an agent may close, delete or give away a bead that it has. hook is the
// bead that its session is for; a polecat lets go of that one by handing it in.
func OwnBead(a town.Address, bead, assignee, hook string) Decision {
	if a.Kind != town.Polecat || assignee != a.String() || bead != hook {
		return allow(a.String(), WriteLedger, "it is not the bead that its session is for")
	}
	return Decision{
		Who: a.String(), Action: WriteLedger, Rule: restricting + WriteLedger,
		Reason: bead + " is what this session is for: it closes when its change is on the target branch",
		Next:   "gt done hands it in; gt done --no-change --reason TEXT if nothing had to be changed",
	}
}

// SameAgent says whether a process of a session may act as the agent that its variables
// name. It may when they name none, because it then acts as nobody else.
func SameAgent(session, claimed town.Caller, action string) Decision {
	switch {
	case !claimed.IsAgent() || claimed.Agent == session.Agent && (claimed.Run == 0 || session.Run == 0 || claimed.Run == session.Run):
		return allow(session.Agent.String(), action, "it acts as the agent that it is")
	case claimed.Agent != session.Agent:
		return Decision{
			Who: session.Agent.String(), Action: action, Rule: town.RoleVariable,
			Reason: town.RoleVariable + " says " + claimed.Agent.String() + ", and the session is that of " + session.Agent.String(),
			Next:   "leave the variables as the session has them",
		}
	}
	return Decision{
		Who: session.Agent.String(), Action: action, Rule: town.RunVariable,
		Reason: fmt.Sprintf("%s says %d, and the session is run %d of %s", town.RunVariable, claimed.Run, session.Run, session.Agent),
		Next:   "leave the variables as the session has them",
	}
}
