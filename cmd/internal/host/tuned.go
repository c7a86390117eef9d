package host

import (
	"context"

	"gastown/planes/operational"
	"gastown/town/tuning"
)

// Tuned returns what gt autotune changed. While autotune is enabled it gives h.Config the
// values that the Deacon uses for settings that nobody set.
func (h *Host) Tuned(ctx context.Context) (all []operational.Tuning, err error) {
	err = h.Rows(ctx, func(s *operational.Store) error {
		all, err = s.Tunings(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	on, err := h.Config.Bool("autotune.enabled")
	if on {
		h.Config.Tune(tuning.InForce(all))
	}
	return all, err
}
