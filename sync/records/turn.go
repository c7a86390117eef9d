package records

import (
	"context"
	"errors"
	"fmt"

	"gastown/planes/doltdb"
	"gastown/planes/exchange"
	"gastown/town"
)

// turnRemote is what Dolt calls a turn that is merged.
const turnRemote = "turn"

// ErrNotExchanged: this machine has no exchange that a turn could be merged into.
var ErrNotExchanged = errors.New("no records are exchanged here")

// Absorb merges what another Town left for whoever publishes next, with all the
// checks of a pull, into what Stage has staged. dir holds its exchange. new is false
// if everything in it is staged already. After a failed push, the next Stage drops
// it again.
//
// The error wraps ErrNotExchanged if this Town takes no part; other errors refuse
// the turn.
func (p *Plan) Absorb(ctx context.Context, dir, from string) (added bool, err error) {
	if p == nil || !p.Staged() {
		return false, ErrNotExchanged
	}
	s := p.session
	defer s.opts.Step("absorb records")()
	err = s.withSigned(ctx, s.opts.Town.ID, func(x *exchange.Store) error {
		added, err = p.absorb(ctx, x, dir, from)
		return errors.Join(err, x.Forget(ctx, turnRemote))
	})
	p.sign = s.sign()
	if errors.Is(err, errNoExchange) {
		return false, ErrNotExchanged
	}
	return added, err
}

func (p *Plan) absorb(ctx context.Context, x *exchange.Store, dir, from string) (added bool, err error) {
	s := p.session
	theirs, err := x.Fetch(ctx, turnRemote, dir)
	if err != nil {
		return false, err
	}
	ours, err := x.Head(ctx)
	if err != nil {
		return false, err
	}
	var base string
	err = x.Revisions(ctx, func(r doltdb.Revisions) error {
		base, err = r.MergeBase(ctx, ours, theirs)
		return err
	})
	if err != nil || base == theirs {
		return false, err
	}
	if base == "" {
		return false, fmt.Errorf("%w: %w", town.ErrRefused, errOtherHistory)
	}
	arrival, err := x.CheckIncoming(ctx, from, s.uuid(), base, theirs)
	if err != nil {
		return false, err
	}
	s.notes = append(s.notes, refusedNotes(arrival)...)
	tip, err := x.Merge(ctx, base, ours, theirs, "merge "+from, arrival)
	if err != nil {
		return false, err
	}
	if err := x.Push(ctx, s.link.Remote.Name, s.mirror.Dir()); err != nil {
		return false, err
	}
	p.commit = tip
	return true, nil
}
