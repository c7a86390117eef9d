package polecat

import (
	"context"
	"errors"
	"fmt"

	"gastown/planes/operational"
	"gastown/town"
)

// Nuked says what became of a polecat.
type Nuked struct {
	Agent town.Address `json:"agent"`
	// Bead is the one that was given back; "" for none.
	Bead string `json:"bead,omitempty"`
	// Saved is where what was in its sandbox was saved; "" when nothing had to be.
	Saved string `json:"saved,omitempty"`
}

// Nuke gives a polecat's bead back, ends its session, saves what is in its sandbox
// and removes that. Its name and the number of its run stay. If the sandbox cannot
// be saved it stays, too, and the error says why; the session has ended then. Doing
// it again goes on where it stopped.
func (c *Controller) Nuke(ctx context.Context, agent town.Address, reason string) (done Nuked, err error) {
	done.Agent = agent
	unlock, err := c.Lock(ctx, agent)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	p, err := c.look(ctx, agent)
	if err == nil && p.agent.Address != agent {
		err = fmt.Errorf("%w: %s", operational.ErrNoAgent, agent)
	}
	if err == nil { // a tmux that does not answer keeps the polecat as it is
		_, err = c.Sessions.List(ctx)
	}
	if err != nil {
		return done, err
	}
	// The row goes first: nothing that the session still says counts from then on.
	if p.held.Bead != "" {
		err := c.Rows(ctx, func(rows Store) error { return rows.End(ctx, p.held.Ticket, town.Released, reason, c.Actor, c.Now()) })
		if _, err = settled(true, err); err != nil {
			return done, err
		}
		done.Bead = p.held.Bead
	}
	if err := c.Sessions.End(ctx, agent); err != nil {
		return done, err
	}
	if done.Saved, err = c.Sandboxes.Remove(ctx, agent); err != nil {
		return done, err
	}
	if p, err = c.look(ctx, agent); err != nil || p.held.Bead != "" {
		return done, err
	}
	seen := operational.Observation{
		Agent: agent, Run: p.agent.Run, From: p.agent.State, To: town.AgentIdle, Evidence: "its sandbox was removed: " + reason, SessionGone: true,
	}
	return done, c.Rows(ctx, func(rows Store) error {
		_, err := rows.Observe(ctx, []operational.Observation{seen}, c.Now())
		return err
	})
}

// IsStuck reports whether a polecat needs somebody: it is stalled, or a zombie that
// holds a bead, or one whose session no pass could end.
func IsStuck(a operational.Agent) bool {
	return a.Address.Kind == town.Polecat && (a.State == town.AgentStalled || a.State == town.AgentZombie)
}
