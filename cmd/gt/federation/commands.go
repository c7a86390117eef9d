// Package federation is the command group gt federation: what a Town shares with
// other Towns through Git repositories. The engine (package federate) does the
// work; these commands read flags, ask people and print results.
package federation

import (
	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/sync/federate"
)

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	fed := p.Command("federation", "Share roles, formulas and templates with other Towns.").Alias("fed").HelpLong(shell.Examples(
		"gt federation init git@example.com:town.git    # the first Town", "gt federation join git@example.com:town.git    # every other Town",
		"gt federation status                           # what is edited, what is new", "gt federation sync                             # exchange"))
	p.Add(fed, statusCommand())
	p.Add(fed, pullCommand())
	p.Add(fed, pushCommand())
	p.Add(fed, syncCommand())
	p.Add(fed, initCommand())
	p.Add(fed, joinCommand())
	p.Add(fed, leaveCommand())
	p.Add(fed, commitCommand())
	p.Add(fed, diffCommand())
	addConflicts(p, fed)
	p.Add(fed, logCommand())
	p.Add(fed, showCommand())
	p.Add(fed, restoreCommand())
	p.Add(fed, repairCommand())
	p.Add(fed, townsCommand())
	p.Add(fed, trustCommand())
	p.Add(fed, distrustCommand())
	p.Add(fed, verifyCommand())
	p.Add(fed, keyCommand())
	addInstance(p, fed)
	addShare(p, fed)
	addRemote(p, fed)
}

// target is the Town a command works on, with the engine of its federation.
type target struct {
	*host.Host
	call   *shell.Call
	engine *federate.Engine
}

// open finds the Town. It opens no plane; the engine does so when it must.
func open(call *shell.Call) (*target, error) { return openWith(call, host.EngineOptions{}) }

func openWith(call *shell.Call, opts host.EngineOptions) (*target, error) {
	h, err := host.Open(call)
	if err != nil {
		return nil, err
	}
	return &target{Host: h, call: call, engine: h.Engine(opts)}, nil
}

// hintRemotes completes names of remotes.
func hintRemotes(call *shell.Call) kingpin.HintAction {
	return func() (names []string) {
		h, err := host.Open(call)
		if err != nil {
			return nil
		}
		for _, r := range h.Config.Remotes {
			names = append(names, r.Name)
		}
		return names
	}
}

// short shortens a commit or an id for printing.
func short(id string) string { return id[:min(len(id), shortID)] }

// shortID is the length of an abbreviated id.
const shortID = 10

// nonNil replaces a nil list by an empty one, so that JSON has [] instead of null.
func nonNil[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
