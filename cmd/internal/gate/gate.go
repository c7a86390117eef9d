// Package gate decides, before a command runs, whether its caller may run it: the user of
// this machine, as the kernel tells, by config/access.yaml of the Town; and the agent in
// whose session the command runs, by rules that stand in package access.
//
// A process of the Town's owner can read and write every file of the Town without gt. For
// it the gate is a help against mistakes, not a wall. For other users it is a wall: they
// have no access to the files, and reach the Town through the Deacon's command socket only.
package gate

import (
	"context"
	"errors"
	"os/user"
	"strconv"
	"time"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/town"
	"gastown/town/access"
	"gastown/town/feed"
	"gastown/town/layout"
)

// Gate implements shell.Gate.
type Gate struct{ policies policies }

var _ shell.Gate = (*Gate)(nil)

// New returns a gate. say is told of each file that does not count, once; it may be nil.
func New(say func(error)) *Gate { return &Gate{policies{say: say}} }

// Policy implements shell.Gate.
func (g *Gate) Policy(t layout.Town) (*access.Policy, error) { return g.policies.of(t) }

// Check implements shell.Gate.
func (g *Gate) Check(_ context.Context, c *shell.Call, p *shell.Prepared) error {
	action := p.Command.Permission
	t, ok := townOf(c, p)
	if !ok {
		return nil // nothing of a Town is touched; or the command says that there is none
	}
	policy, _ := g.Policy(t) // who is told of the error: see policies.say, gt access list and gt doctor
	who := Local(t, policy, c.User)
	if !c.Foreign {
		// The process has what the files' modes let its user do, with gt or without.
		who.Owner = true
	}
	d := policy.MayLocal(who, action)
	if d.Allowed {
		d = mayAgent(c, t, p.Command)
	}
	if err := d.Err(p.Name); err != nil {
		return err
	}
	return mayHere(t, p)
}

// townOf is the Town that a command is about. A command that needs no Town can still
// change one: gt install in its directory does.
func townOf(c *shell.Call, p *shell.Prepared) (layout.Town, bool) {
	if p.Town != "" {
		return layout.Town{Root: p.Town}, true
	}
	if !p.Command.NoTown || p.Command.Permission == access.ReadProgram {
		return layout.Town{}, false
	}
	t, err := c.FindTown()
	return t, err == nil
}

// Local is a user of this machine, as a policy of a Town wants to know it.
func Local(t layout.Town, policy *access.Policy, id int) access.Local {
	l := access.Local{ID: id, Owner: owns(t, id)}
	if l.Owner && !policy.NamesLogins() {
		return l // the name decides nothing, and looking it up may take a while
	}
	if u, err := user.LookupId(strconv.Itoa(id)); err == nil {
		l.Login = u.Username
	}
	return l
}

// Person implements shell.Gate: the address that config/access.yaml has for the user.
func (g *Gate) Person(t layout.Town, id int) town.Actor {
	policy, _ := g.Policy(t)
	email, ok := policy.Known(Local(t, policy, id))
	if !ok {
		email = "user-" + strconv.Itoa(id) + "@localhost" // who may do nothing
	}
	return town.Actor{Name: email, Email: email}
}

// tellTime bounds how long a refused command waits until the feed has it.
const tellTime = 3 * time.Second

// Tell implements shell.Gate. The command is refused even if the feed cannot be written.
func (g *Gate) Tell(c *shell.Call, err error) {
	var refused *access.RefusedError
	if !errors.As(err, &refused) {
		return
	}
	d := refused.Decision
	h, err := host.Open(c)
	if err != nil {
		return
	}
	if d.Who == "" {
		d.Who = g.Person(h.Layout, c.User).Name
	}
	ctx, cancel := context.WithTimeout(context.Background(), tellTime) // also of a command that was interrupted
	defer cancel()
	h.Wakes(ctx, feed.Event{
		Kind: feed.AccessRefused, Subject: d.Action, Actor: d.Who, Text: "refused: " + c.Name + ": " + town.Plain(d.Reason),
		Data: map[string]string{"command": c.Name, "rule": d.Rule, "user": strconv.Itoa(c.User)},
	})
}
