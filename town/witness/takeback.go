package witness

import (
	"context"
	"errors"
	"fmt"

	"gastown/planes/operational"
)

// TakeBack takes an assignment away from a worker that was lost with its host, and lets
// the bead wait for another one, with a priority. Such losses do not count against the
// bead. It does nothing, and says so, when the worker has a session here, or when the
// assignment is not what it was. The former worker is refused from then on, because its
// epoch has ended. Doing it again goes on where it stopped.
func (w *Witness) TakeBack(ctx context.Context, held operational.Assignment, priority int, why string) (taken bool, err error) {
	unlock, err := w.Lock(ctx, held.Agent)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	all, err := w.Sessions.Survey(ctx, func(Session) bool { return false })
	if err != nil || all[held.Agent] != nil {
		return false, err
	}
	reason := fmt.Sprintf("%s was lost: %s", held.Agent, why)
	err = w.Rows(ctx, func(rows Store) error {
		_, err := rows.BeginRecovery(ctx, held.Ticket, reason, w.Now())
		return err
	})
	if errors.As(err, new(*operational.StaleError)) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if _, err := w.giveBack(ctx, held, why, loss{said: reason}); err != nil {
		return false, err
	}
	if err := w.Settle(ctx); err != nil {
		return true, err
	}
	return true, w.Rows(ctx, func(rows Store) error {
		waits, err := rows.Requeue(ctx, held.Epoch, priority, w.Now())
		if err != nil || !waits {
			return err
		}
		return rows.SettleRecovery(ctx, held.Epoch, operational.RecoveryQueued, operational.RecoveryMoved, w.Now())
	})
}
