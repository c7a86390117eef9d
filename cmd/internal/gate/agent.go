package gate

import (
	"strings"

	"gastown/cmd/internal/shell"
	"gastown/town"
	"gastown/town/access"
	"gastown/town/layout"
	"gastown/town/process"
)

// maxAncestors bounds how far up the processes are looked at.
const maxAncestors = 64

// mayAgent judges a command by the agent in whose session it runs. It asks the kernel only
// where that could matter.
func mayAgent(c *shell.Call, t layout.Town, command shell.Command) access.Decision {
	action := command.Permission
	allowed := access.MayAgent("", action)
	restricted := !access.MayAgent(town.Polecat, action).Allowed
	if !restricted && !command.Writes {
		return allowed
	}
	claimed, _ := town.WhoCalls(c.Getenv, t.Rigs(), "") // the command itself refuses what contradicts itself
	session := Session(t, c.Process)
	if a, err := town.ParseAddress(c.ActorName); err == nil && a != claimed.Agent { // what a flag says counts
		claimed = town.Caller{Agent: a}
	}
	for _, a := range []town.Caller{session, claimed} {
		if d := access.MayAgent(a.Agent.Kind, action); !d.Allowed {
			d.Who = a.Agent.String()
			return d
		}
	}
	if session.Agent.Kind == town.Polecat && command.Writes {
		return access.SameAgent(session, claimed, action)
	}
	return allowed
}

// Agent implements shell.Gate. Where session and call name different agents, the one that
// is bound by more rules counts.
func (g *Gate) Agent(c *shell.Call, t layout.Town) town.Caller {
	session := Session(t, c.Process)
	if session.Agent.Kind == town.Polecat {
		return session
	}
	claimed, _ := town.WhoCalls(c.Getenv, t.Rigs(), "")
	if claimed.IsAgent() {
		return claimed
	}
	return session
}

// Session is the agent in whose session of a Town a process runs. It is the agent that the
// variables of the outermost ancestor name, which is the process that the session began
// with. A process can change its own variables, but not those of the processes that started
// it. A process that a daemon started is not found, because it has no ancestor in a session.
func Session(t layout.Town, pid int) (found town.Caller) {
	above := false // at or above a server
	for range maxAncestors {
		if pid <= 1 {
			return found
		}
		name, err := process.Name(pid)
		if err != nil {
			return found
		}
		// A server of tmux has the variables of whoever came first, and so may what started
		// it. But a polecat can also give that name to a process of its own.
		is := strings.HasPrefix(name, "tmux: server")
		above = above || is
		if env, err := process.Environment(pid); err == nil && !is {
			if c := callerIn(t, shell.Environment(env)); c.IsAgent() && (!above || c.Agent.Kind == town.Polecat) {
				found = c
			}
		}
		parent, err := process.Parent(pid)
		if err != nil {
			return found
		}
		pid = parent
	}
	return found
}

// callerIn is the agent of a Town that variables name.
func callerIn(t layout.Town, env shell.Environment) town.Caller {
	for _, name := range []string{"GT_TOWN_ROOT", shell.RootEnv} {
		if root := env.Get(name); root != "" {
			if !t.Is(root) {
				return town.Caller{}
			}
			break
		}
	}
	c, err := town.WhoCalls(env.Get, t.Rigs(), "")
	if err != nil {
		return town.Caller{}
	}
	return c
}
