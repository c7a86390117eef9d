package polecat

import (
	"context"
	"errors"
	"fmt"
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

// Close implements Ledger.
func (b Beads) Close(ctx context.Context, bead, agent, reason string) error {
	_, err := b.change(ctx, agent, ledger.Patch{ID: bead, Status: new(town.StatusClosed), CloseReason: &reason})
	return err
}

// leave changes a bead that the agent has. Only who changed it says why, so the reason
// stands there once; a refinery that gave the work back has said more about it before.
func (b Beads) leave(ctx context.Context, agent, state, reason string, p ledger.Patch) error {
	p.IfAssignee = &agent
	changed, err := b.change(ctx, agent, p)
	if err != nil || !changed || reason == "" {
		return err
	}
	found, err := b.Store.Existing(ctx, []string{p.ID}, nil)
	if err != nil || len(found) == 0 || saidByOther(found[0].Comments, agent, reason) {
		return err
	}
	_, err = b.as(agent).Comment(ctx, p.ID, state+": "+reason)
	return err
}

// saidByOther reports whether the newest comment is somebody else's and has the reason.
func saidByOther(all []town.Comment, agent, reason string) bool {
	if len(all) == 0 {
		return false
	}
	newest := all[len(all)-1]
	return newest.Author != agent && strings.Contains(newest.Text, strings.TrimRight(reason, ".…"))
}

func (b Beads) change(ctx context.Context, agent string, p ledger.Patch) (changed bool, err error) {
	p.UnlessClosed = true
	_, err = b.as(agent).Update(ctx, []ledger.Patch{p})
	if missed(err) {
		return false, nil
	}
	return err == nil, err
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
