package access

import (
	"slices"
	"strings"

	"gastown/town"
)

// What a command may require its user to be allowed. Actions lists all of them.
const (
	// ReadProgram is for commands that need no Town: versions, completion scripts.
	ReadProgram = "program:read"

	// ReadTown is for reading settings, caches, costs and the feed; AdminTown for making
	// and repairing a Town, and for changing its settings and hooks. PromoteTown makes a
	// standby host the active one.
	ReadTown    = "town:read"
	AdminTown   = "town:admin"
	PromoteTown = "town:promote"

	// ReadDeacon is for the Deacon's status and log; AdminDeacon for starting, stopping
	// and controlling it with its plugins and alerts.
	ReadDeacon  = "deacon:read"
	AdminDeacon = "deacon:admin"

	// ReadFederation is for reading shared documents, their history, reviews, rules and
	// remotes; WriteFederation for recording, exchanging and deciding them. RunHooks is for
	// what a Git hook starts.
	ReadFederation  = "federation:read"
	WriteFederation = "federation:write"
	RunHooks        = "hooks:run"

	// ReadLedger is for reading beads, WriteLedger for changing them.
	ReadLedger  = "ledger:read"
	WriteLedger = "ledger:write"

	// ReadRig is for looking at projects and their working trees, AdminRig for adding,
	// changing and removing them.
	ReadRig  = "rig:read"
	AdminRig = "rig:admin"

	// ReadCrew and WriteCrew are for the clones that people work in.
	ReadCrew  = "crew:read"
	WriteCrew = "crew:write"

	// ReadPolecat is for looking at workers and at waiting work. SlingPolecat is for giving
	// out work and for taking it from the queue, NukePolecat for ending workers.
	ReadPolecat  = "polecat:read"
	SlingPolecat = "polecat:sling"
	NukePolecat  = "polecat:nuke"

	// DoWork is for what an agent does with its own assignment: hook, done, handoff.
	DoWork = "work:do"

	// ReadSession is for looking into sessions of agents. EnterSession is for typing into
	// one, which is the same as running commands as the Town's owner.
	ReadSession  = "session:read"
	EnterSession = "session:enter"

	// ReadConvoy and WriteConvoy are for sets of beads.
	ReadConvoy  = "convoy:read"
	WriteConvoy = "convoy:write"

	// ReadMail and WriteMail are for mail and nudges; ReadEscalation and WriteEscalation
	// for what a person must see.
	ReadMail        = "mail:read"
	WriteMail       = "mail:write"
	ReadEscalation  = "escalation:read"
	WriteEscalation = "escalation:write"

	// ReadRefinery is for looking at merge queues, WriteRefinery for what is in them, and
	// AdminRefinery for how they work.
	ReadRefinery  = "refinery:read"
	WriteRefinery = "refinery:write"
	AdminRefinery = "refinery:admin"

	// ReadWitness and RunWitness are for patrols.
	ReadWitness = "witness:read"
	RunWitness  = "witness:run"

	// ReadMayor and AdminMayor are for the Town's coordinator.
	ReadMayor  = "mayor:read"
	AdminMayor = "mayor:admin"
)

// Actions are all actions that commands require.
var Actions = []string{
	ReadProgram, ReadTown, AdminTown, PromoteTown, ReadDeacon, AdminDeacon, ReadFederation, WriteFederation, RunHooks,
	ReadLedger, WriteLedger, ReadRig, AdminRig, ReadCrew, WriteCrew, ReadPolecat, SlingPolecat, NukePolecat, DoWork,
	ReadSession, EnterSession, ReadConvoy, WriteConvoy, ReadMail, WriteMail, ReadEscalation, WriteEscalation,
	ReadRefinery, WriteRefinery, AdminRefinery, ReadWitness, RunWitness, ReadMayor, AdminMayor,
}

// entering begins the actions of Policy.MayEnter.
const entering = "enter:"

// KindBead is the kind, for Policy.MayEnter, of a record of the ledger.
const KindBead = "bead"

// kinds are what can arrive from another Town.
func kinds() (all []string) {
	for _, k := range town.Kinds {
		all = append(all, string(k))
	}
	return append(all, KindBead)
}

// Enter is the action of writing a document or record from another Town, for
// instance enter:role/mayor.
func Enter(kind, name string) string { return entering + kind + "/" + name }

// Entering are the kind and the name of an action of Enter.
func Entering(action string) (kind, name string, ok bool) {
	rest, ok := strings.CutPrefix(action, entering)
	if !ok {
		return "", "", false
	}
	kind, name, ok = strings.Cut(rest, "/")
	return kind, name, ok && name != "" && slices.Contains(kinds(), kind)
}

// CheckAction fails with town.ErrUsage unless action is one of Actions, or one of Enter.
func CheckAction(action string) error {
	if slices.Contains(Actions, action) {
		return nil
	}
	if _, _, ok := Entering(action); ok {
		return nil
	}
	reason, near := "there is no such action", town.Nearest(action, Actions, 1)
	if len(near) > 0 {
		reason += ": did you mean " + near[0] + "?"
	}
	return town.Fail("use the action "+town.Typed(action), "gt access list --actions", "%w: %s", town.ErrUsage, reason)
}

// concerns reports whether a pattern can match any action.
func concerns(pattern string) bool {
	if slices.ContainsFunc(Actions, func(a string) bool { return match(pattern, a) }) {
		return true
	}
	rest, ok := strings.CutPrefix(pattern, entering)
	if !ok {
		return false
	}
	kind, _, _ := strings.Cut(rest, "/")
	return slices.ContainsFunc(kinds(), func(k string) bool { return match(kind, k) })
}

// match reports whether a text has the form of a pattern, in which * stands for any text.
// It takes time in proportion to the product of the lengths, at worst.
func match(pattern, text string) bool {
	p, t, star, resume := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, t
			p++
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0: // the last * stands for one byte more
			resume++
			p, t = star+1, resume
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
