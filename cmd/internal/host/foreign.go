package host

import (
	"context"
	"slices"
	"strings"

	"gastown/cmd/internal/shell"
	"gastown/deacon/commands"
	"gastown/deacon/invocation"
	"gastown/town"
	"gastown/town/access"
)

// kept are the variables of the Deacon's own that the command of another user has: with
// what git and ssh of the Town's owner work.
var kept = []string{"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"}

// keptPrefix begins variables that are kept, too: settings and secrets of gt.
const keptPrefix = "GT_"

// enclose gives a call of another user than the Town's owner the surroundings of the Deacon:
// its directory, program and variables, and the name under which the user is known. The
// call's arguments and streams are all that stays.
func (in Insider) enclose(i *shell.Invocation) {
	who := in.Gate.Person(in.Town, i.User)
	var env shell.Environment
	for _, v := range in.Own.Env {
		name, _, _ := strings.Cut(v, "=")
		if slices.Contains(kept, name) || strings.HasPrefix(name, keptPrefix) && !slices.Contains(identity, name) {
			env = append(env, v)
		}
	}
	for _, name := range invocation.Shown {
		if value, ok := i.Env.Lookup(name); ok {
			env = append(env, name+"="+town.Clip(value, 100))
		}
	}
	i.Env = append(env, shell.RootEnv+"="+in.Town.Root, "GIT_AUTHOR_NAME="+who.Name, "GIT_AUTHOR_EMAIL="+who.Email)
	i.Dir, i.Self, i.Foreign = in.Town.Root, in.Own.Self, true
}

// identity are the variables that say who calls, and where from.
var identity = []string{
	town.RoleVariable, town.RigVariable, town.PolecatVariable, town.RunVariable, shell.RootEnv, "GT_TOWN_ROOT", "GT_SESSION", town.BranchVariable,
	"GT_POLECAT_PATH", "GT_AGENT", "GT_ALONE",
}

// foreign bounds the command of another user. The front runs a command that needs no Town,
// with the user's own rights. A command that needs a process of its own is refused, because
// that process could not read the Town's files.
func foreign(out *commands.Command, p *shell.Prepared) {
	if out.Class != "" {
		out.Class = commands.Foreign
	}
	out.Files = p.Files
	switch {
	case p.Refused():
		out.Alone = false
	case out.Town == "":
		out.Alone = true
	case out.Alone && p.Command.Bounded:
		out.Alone = false
	case out.Alone:
		out.Alone, out.Files = false, nil
		out.Run = func(context.Context) int {
			return p.Fail(access.Decision{
				Action: p.Command.Permission, Reason: "it runs in a process of its own, which needs the Town's files", Next: "ask the Town's owner to run it",
			}.Err(p.Name))
		}
	}
}
