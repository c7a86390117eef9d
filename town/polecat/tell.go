package polecat

import (
	"context"
	"errors"
	"strconv"

	"gastown/planes/operational"
	"gastown/town"
)

// tell makes the ledger follow an assignment, and records that it did. A bead that
// is not free for the agent ends the assignment.
func (c *Controller) tell(ctx context.Context, a operational.Assignment) (acted bool, err error) {
	by, said := "", ""
	if a.State == town.Returned || a.State == town.Stuck {
		err := c.Rows(ctx, func(rows Store) error {
			m, err := rows.Merge(ctx, strconv.FormatInt(int64(a.Epoch), 10))
			by, said = m.GivenBack()
			return err
		})
		if err != nil && !errors.Is(err, operational.ErrNoMerge) {
			return false, err
		}
	}
	err = c.Beads(ctx, func(l Ledger) error {
		switch {
		case said == "":
			return follow(ctx, l, a)
		case a.State == town.Stuck:
			return l.GiveBack(ctx, a.Bead, a.Agent.String(), town.StatusBlocked, by, said)
		}
		return l.GiveBack(ctx, a.Bead, a.Agent.String(), town.StatusOpen, by, said)
	})
	if errors.Is(err, ErrNotFree) && a.State.Held() {
		why := err.Error()
		return settled(true, c.Rows(ctx, func(rows Store) error {
			return rows.End(ctx, a.Ticket, town.Released, why, c.Actor, c.Now())
		}))
	}
	if err != nil && !errors.Is(err, ErrNotFree) {
		return false, err
	}
	err = c.Rows(ctx, func(rows Store) error {
		acted, err = rows.Told(ctx, a.Epoch, a.State)
		return err
	})
	return acted, err
}

// follow brings a bead into the state that belongs to an assignment's.
func follow(ctx context.Context, l Ledger, a operational.Assignment) error {
	agent := a.Agent.String()
	switch a.State {
	case town.Landed, town.Finished:
		return l.Close(ctx, a.Bead, agent, a.Reason)
	case town.Returned:
		return l.Release(ctx, a.Bead, agent, a.Reason)
	case town.Released:
		return l.Release(ctx, a.Bead, agent, "") // whoever took it away knows why
	case town.Stuck:
		return l.Block(ctx, a.Bead, agent, a.Reason)
	default:
		return l.Claim(ctx, a.Bead, agent)
	}
}
