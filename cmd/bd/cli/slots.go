package cli

import (
	"context"

	"gastown/town/config"
	"gastown/town/layout"
	"gastown/town/slots"
)

// slotsName is where the places for bd processes are, and limitKey the setting
// that says how many there are.
const (
	slotsName = "bd"
	limitKey  = "bd.max_concurrent"
)

// enter takes one of the Town's places for bd processes. Who has to wait is told
// what for.
func (a *App) enter(ctx context.Context, t layout.Town, cfg *config.Config) (leave func() error, err error) {
	limit, err := cfg.Int(limitKey)
	if err != nil {
		return nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, a.Wait)
	defer cancel()
	slot, err := slots.Acquire(waiting, slots.Options{
		Dir: t.Slots(slotsName), Limit: limit, Command: a.running,
		Waiting: func(w slots.Wait) { a.hint("bd waits: %s", w) },
	})
	switch {
	case err == nil:
		return slot.Release, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return nil, err
}
