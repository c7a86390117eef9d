package escalate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gastown/planes/ledger"
	"gastown/town"
)

// Settle closes the escalation of a key because its trouble has gone, and returns its id;
// "" if there is none that is open. It is idempotent.
func Settle(ctx context.Context, l *ledger.Store, key, reason string, now time.Time) (id string, err error) {
	for number := range attempts {
		found, err := l.Existing(ctx, []string{ID(key, number)}, fields)
		if err != nil {
			return "", fmt.Errorf("settle %s: %w", town.Clip(key, 80), err)
		}
		if len(found) == 0 {
			if number > 0 {
				return "", nil
			}
			continue // a person may have deleted it
		}
		b := found[0].Bead
		if !b.Open() {
			continue
		}
		_, r := read(b, now)
		r.Gone = true
		_, err = l.Update(ctx, []ledger.Patch{{
			ID: b.ID, Status: new(town.StatusClosed), CloseReason: &reason, SetMetadata: r.patch(), UnlessClosed: true,
		}})
		if err != nil && !errors.Is(err, ledger.ErrClosed) {
			return "", fmt.Errorf("settle %s: %w", town.Clip(key, 80), err)
		}
		return b.ID, nil
	}
	return "", nil
}

// Acknowledge notes that somebody has an escalation, which is silent from then on, and
// returns it. Somebody else may take it over. A closed one is ledger.ErrClosed.
func Acknowledge(ctx context.Context, l *ledger.Store, id, who, note string, now time.Time) (e Escalation, err error) {
	err = l.Together(ctx, "acknowledge "+town.Clip(id, 80), func(c *ledger.Change) error {
		changed, err := c.Update(ctx, []ledger.Patch{{ID: id, Assignee: &who, UnlessClosed: true}})
		if err == nil && note != "" {
			_, err = c.Comment(ctx, id, note)
		}
		if err == nil {
			e, _ = read(changed[0], now)
		}
		return err
	})
	return e, err
}

// Again sends the message of every escalation that nobody acknowledged and whose pause is
// over, and returns those escalations, and when the next pause is over: zero for never.
// One query finds that there is nothing to do.
func Again(ctx context.Context, l *ledger.Store, now time.Time) (raised []Escalation, next time.Time, err error) {
	var items []ledger.Item
	f := ledger.Filter{Labels: []string{Label}, Not: []town.Status{town.StatusClosed}, Fields: fields}
	if err := l.List(ctx, f, ledger.Collect(&items)); err != nil {
		return nil, next, err
	}
	var errs []error
	waits := func(e Escalation) {
		if e.State == Raised && (next.IsZero() || e.Again.Before(next)) {
			next = e.Again
		}
	}
	for _, i := range items {
		e, r := read(i.Bead, now)
		if e.State != Raised || now.Before(e.Again) {
			waits(e)
			continue
		}
		e, told, err := change(ctx, l, i.Bead, r, ledger.Patch{ID: e.ID, UnlessClosed: true}, true, now)
		switch {
		case told:
			raised = append(raised, e)
			waits(e)
		case errors.Is(err, ledger.ErrDiffers), errors.Is(err, ledger.ErrClosed), errors.Is(err, ledger.ErrUnknown):
			// Somebody changed it meanwhile; the next pass looks again.
		default:
			errs = append(errs, fmt.Errorf("raise %s again: %w", e.ID, err))
		}
	}
	return raised, next, errors.Join(errs...)
}
