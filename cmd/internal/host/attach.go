package host

import (
	"context"

	"gastown/cmd/internal/term"
	"gastown/town"
)

// Attach shows the session that a word means on the caller's terminal, until the person
// detaches.
func (h *Host) Attach(ctx context.Context, word string) error {
	c := h.call
	if !term.IsTerminal(c.Stdin) || !term.IsTerminal(c.Stdout) {
		return town.Fail("attach to "+town.Typed(word), "gt peek "+town.Typed(word)+" prints what it shows", "%w: this is not a terminal", town.ErrUsage)
	}
	t, err := h.Sessions()
	if err != nil {
		return err
	}
	_, signs, err := h.SessionOf(ctx, t, word)
	if err != nil {
		return err
	}
	return t.Server.Attach(ctx, signs.ID, term.Direct(c.Stdin), term.Direct(c.Stdout), term.Direct(c.Stderr))
}
