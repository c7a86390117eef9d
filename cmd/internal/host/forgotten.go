package host

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	"gastown/planes/federation"
	"gastown/town"
	"gastown/town/durable"
)

// Forgotten are the Towns that this one does not show any more, with the revision that
// each had in the registry when a person said so. A Town that writes a later one is
// shown again. The list is local.
type Forgotten map[town.ID]uint64

// Hides reports whether a Town is not shown.
func (f Forgotten) Hides(m federation.Member) bool {
	revision, ok := f[m.ID]
	return ok && m.Revision <= revision
}

// Forgotten reads the list. A malformed one counts as empty: every Town is shown.
func (h *Host) Forgotten() (Forgotten, error) {
	data, err := os.ReadFile(h.Layout.Forgotten())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	f := Forgotten{}
	if json.Unmarshal(data, &f) != nil || f == nil {
		return Forgotten{}, nil
	}
	return f, nil
}

// ChangeForgotten changes the list, and saves it.
func (h *Host) ChangeForgotten(ctx context.Context, change func(Forgotten)) (err error) {
	unlock, err := h.lock(ctx, "forgotten", "change which Towns are shown")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	f, err := h.Forgotten()
	if err != nil {
		return err
	}
	change(f)
	data, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return durable.Replace(h.Layout.Forgotten(), append(data, '\n'), 0o600)
}

// HiddenTowns are the ids of the Towns that are not shown. It opens no plane when no
// Town was forgotten.
func (h *Host) HiddenTowns(ctx context.Context) (hidden []town.ID, err error) {
	f, err := h.Forgotten()
	if err != nil || len(f) == 0 {
		return nil, err
	}
	err = h.Engine(EngineOptions{}).Read(ctx, func(s *federation.Store) error {
		members, err := s.Towns(ctx)
		for _, m := range members {
			if f.Hides(m) {
				hidden = append(hidden, m.ID)
			}
		}
		return err
	})
	return hidden, err
}
