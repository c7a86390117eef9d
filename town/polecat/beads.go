package polecat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gastown/planes/ledger"
	"gastown/town"
)

// Beads is the Town's ledger as a Ledger.
type Beads struct{ Store *ledger.Store }

var _ Ledger = Beads{}

// as is the ledger under an agent's name.
func (b Beads) as(agent string) *ledger.Store {
	return b.Store.As(ledger.Session{Actor: town.Actor{Name: agent, Email: b.Store.Actor().Email}, NoSuggestions: true})
}

// Claim implements Ledger. It is one conditional write.
func (b Beads) Claim(ctx context.Context, bead, agent string) error {
	_, err := b.as(agent).Update(ctx, []ledger.Patch{{ID: bead, Claim: true, UnlessClosed: true}})
	if missed(err) {
		return fmt.Errorf("%w: %w", ErrNotFree, err)
	}
	return err
}

// missed reports whether a conditional write found the bead in another state.
func missed(err error) bool {
	for _, kind := range []error{ledger.ErrTaken, ledger.ErrDiffers, ledger.ErrClosed, ledger.ErrUnknown} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// Release implements Ledger.
func (b Beads) Release(ctx context.Context, bead, agent, reason string) error {
	return b.leave(ctx, agent, "returned", reason, ledger.Patch{ID: bead, Status: new(town.StatusOpen), Assignee: new("")})
}

// Block implements Ledger.
func (b Beads) Block(ctx context.Context, bead, agent, reason string) error {
	return b.leave(ctx, agent, "blocked", reason, ledger.Patch{ID: bead, Status: new(town.StatusBlocked), Assignee: new("")})
}

// Close implements Ledger. The steps that a formula gave the bead end with it.
func (b Beads) Close(ctx context.Context, bead, agent, reason string) error {
	steps, err := b.steps(ctx, bead, agent)
	if err != nil {
		return err
	}
	return b.as(agent).Together(ctx, "close "+bead, func(c *ledger.Change) error {
		all := append(slices.Clone(steps), bead)
		found, err := c.Get(ctx, all, ledger.Fields{"id", "status"})
		if err != nil {
			return err
		}
		var patches []ledger.Patch
		for _, id := range all {
			why := reason
			if id != bead {
				why = "with " + bead
			}
			if is, ok := found[id]; ok && is.Status != town.StatusClosed {
				patches = append(patches, ledger.Patch{ID: id, Status: new(town.StatusClosed), CloseReason: &why})
			}
		}
		if len(patches) > 0 {
			_, err = c.Update(ctx, patches)
		}
		return err
	})
}

// steps are the open steps that a formula gave a bead, other than what somebody else has.
func (b Beads) steps(ctx context.Context, bead, agent string) (ids []string, err error) {
	f := ledger.Filter{Parent: bead, Not: []town.Status{town.StatusClosed}, Fields: ledger.Fields{"id", "labels", "assignee"}}
	err = b.Store.List(ctx, f, func(i ledger.Item) error {
		if town.IsStep(i.Labels) && (i.Assignee == "" || i.Assignee == agent) {
			ids = append(ids, i.ID)
		}
		return nil
	})
	return ids, err
}

// leave changes a bead that the agent has, and says why, in one transaction.
func (b Beads) leave(ctx context.Context, agent, state, reason string, p ledger.Patch) error {
	p.IfAssignee, p.UnlessClosed = &agent, true
	err := b.as(agent).Together(ctx, state+" "+p.ID, func(c *ledger.Change) error {
		_, err := c.Update(ctx, []ledger.Patch{p})
		if err == nil && reason != "" {
			_, err = c.Comment(ctx, p.ID, state+": "+reason)
		}
		return err
	})
	if missed(err) {
		return nil
	}
	return err
}

// GiveBack implements Ledger, in one transaction, which names who gave it back.
func (b Beads) GiveBack(ctx context.Context, bead, agent string, status town.Status, by, text string) error {
	request, _, _ := strings.Cut(text, " was given back") // it is given back once
	return b.as(by).Together(ctx, "give back "+bead, func(c *ledger.Change) error {
		found, err := c.Get(ctx, []string{bead}, nil)
		is, ok := found[bead]
		if err != nil || !ok {
			return err // nobody can be told of a bead that was deleted
		}
		if is.Assignee == agent && is.Status != town.StatusClosed {
			if _, err := c.Update(ctx, []ledger.Patch{{ID: bead, Status: &status, Assignee: new("")}}); err != nil {
				return err
			}
		}
		if slices.ContainsFunc(is.Comments, func(c town.Comment) bool { return strings.HasPrefix(c.Text, request) }) {
			return nil
		}
		_, err = c.Comment(ctx, bead, text)
		return err
	})
}

// Claims implements Ledger, with one query.
func (b Beads) Claims(ctx context.Context) (map[string]town.Address, error) {
	all := map[string]town.Address{}
	f := ledger.Filter{Statuses: []town.Status{town.StatusInProgress}, Fields: ledger.Fields{"assignee"}}
	err := b.Store.List(ctx, f, func(i ledger.Item) error {
		if who, err := town.ParseAddress(i.Assignee); err == nil {
			all[i.ID] = who
		}
		return nil
	})
	return all, err
}

// Beads implements Ledger, with one query.
func (b Beads) Beads(ctx context.Context, ids []string) (map[string]Bead, error) {
	all := map[string]Bead{}
	f := ledger.Filter{IDs: ids, Fields: ledger.Fields{"title", "status", "assignee", "priority"}}
	err := b.Store.List(ctx, f, func(i ledger.Item) error {
		all[i.ID] = Bead{Title: i.Title, Status: i.Status, Assignee: i.Assignee, Priority: i.Priority}
		return nil
	})
	return all, err
}
