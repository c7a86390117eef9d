package town

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// The variables by which a process in a session knows whose it is.
const (
	RoleVariable    = "GT_ROLE"
	RigVariable     = "GT_RIG"
	PolecatVariable = "GT_POLECAT"
	RunVariable     = "GT_RUN"
	ActorVariable   = "BD_ACTOR"
	// BranchVariable is the branch that the session's work is committed on.
	BranchVariable = "GT_BRANCH"
)

// Caller is who runs a command.
type Caller struct {
	// Agent is the agent; the zero address is a person.
	Agent Address
	// Run is the session of an agent; 0 when that is not known.
	Run Run
}

// WhoCalls says who runs a command: the agent that the environment of its session names;
// without one the agent in whose sandbox or clone, below the directory rigs, the directory
// dir lies; otherwise a person. Variables that contradict each other name nobody: that is
// ErrUsage. Anybody can set them, so rows decide what the caller may do.
func WhoCalls(getenv func(string) string, rigs, dir string) (Caller, error) {
	fail := func(format string, args ...any) (Caller, error) {
		return Caller{}, Fail("find out which agent calls", "unset "+RoleVariable+", or set it as gt sets it for a session: gt agents shows the addresses", format, args...)
	}
	role := getenv(RoleVariable)
	if role == "" {
		if a, err := ParseAddress(getenv(ActorVariable)); err == nil {
			return Caller{Agent: a, Run: runOf(getenv(RunVariable))}, nil
		}
		a, _ := AgentAt(rigs, dir)
		return Caller{Agent: a}, nil
	}
	a, err := ParseAddress(role)
	if err != nil {
		return fail("%s: %w", RoleVariable, err)
	}
	for name, is := range map[string]string{RigVariable: a.Rig, PolecatVariable: a.Name} {
		if said := getenv(name); said != "" && said != is && (name != PolecatVariable || a.Kind == Polecat) {
			return fail("%w: %s is %s and %s is %q", ErrUsage, RoleVariable, a, name, Clip(said, 80))
		}
	}
	text := getenv(RunVariable)
	run := runOf(text)
	if text != "" && run == 0 {
		return fail("%w: %s is %q, which is not the number of a run", ErrUsage, RunVariable, Clip(text, 40))
	}
	return Caller{Agent: a, Run: run}, nil
}

// IsAgent is false for a person.
func (c Caller) IsAgent() bool { return c.Agent != Address{} }

// InSession fails with ErrUsage unless the caller is an agent whose run is known.
func (c Caller) InSession() error {
	const next = "an agent calls this in its session; gt agents shows the agents, gt attach AGENT their sessions"
	switch {
	case !c.IsAgent():
		return Fail("find out which agent calls", next, "%w: %s is not set", ErrUsage, RoleVariable)
	case c.Run == 0:
		return Fail("find out which run of "+c.Agent.String()+" calls", next, "%w: %s or %s is not set", ErrUsage, RoleVariable, RunVariable)
	}
	return nil
}

// AgentAt is the agent whose sandbox or clone, below the directory rigs, a directory lies in.
func AgentAt(rigs, dir string) (Address, bool) {
	rel, err := filepath.Rel(rigs, dir)
	if err != nil {
		return Address{}, false
	}
	parts := strings.Split(filepath.ToSlash(rel), "/")
	if len(parts) < 3 {
		return Address{}, false
	}
	a, err := ParseAddress(strings.Join(parts[:3], "/"))
	return a, err == nil
}

// runOf reads the number of a run; 0 for none.
func runOf(text string) Run {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0
	}
	return Run(n)
}

// Identity are the variables that tell the processes of a ticket's session whose they are.
func Identity(t Ticket) []string {
	return []string{
		RoleVariable + "=" + t.Agent.String(), RigVariable + "=" + t.Agent.Rig, PolecatVariable + "=" + t.Agent.Name,
		fmt.Sprintf("%s=%d", RunVariable, t.Run),
	}
}
