package host

import (
	"context"
	"errors"
	"io/fs"

	"gastown/planes/operational"
	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/feed"
	"gastown/town/rig"
)

// Rigs are the Town's projects, as this call uses them: git runs for the person who
// called, and shows what takes long.
func (h *Host) Rigs() *rig.Yard { return h.rigs(h.Rows) }

// rigs are the Town's projects, which tell the feed what happens to sandboxes. rows opens
// the plane of the feed.
func (h *Host) rigs(rows operational.Access) *rig.Yard {
	git := Git(h.call)
	git.Progress = func(p gitcmd.Progress) { h.call.Progress().Step(p.Phase, p.Done, p.Total, "objects") }
	return &rig.Yard{
		Dir: h.Layout.Rigs(), File: h.Layout.RigsConfig(), Lock: h.Layout.Lock, Git: git, Now: h.call.Now, Town: h.Config.Town.Name,
		Tell: func(ctx context.Context, n rig.Notice) {
			e := feed.Event{At: h.call.Now(), Kind: n.Kind, Subject: n.Sandbox, Actor: h.Actor.Name, Text: n.Text, Data: n.Data}
			// What happened stands; that it is not in the feed is no failure of it.
			_ = rows(ctx, func(s *operational.Store) error { _, err := s.Append(ctx, e.Entry()); return err })
		},
	}
}

// OneRig opens a rig by its name; "" for the only one there is.
func (h *Host) OneRig(name string) (*rig.Rig, error) {
	if name != "" {
		return h.Rigs().Open(name)
	}
	all, err := h.Rigs().Load()
	if err != nil {
		return nil, err
	}
	if len(all) != 1 {
		return nil, town.Fail("choose a rig", "name it with --rig; gt rig list shows them", "%w: the Town has %d rigs", town.ErrUsage, len(all))
	}
	return h.Rigs().Open(all[0].Name)
}

// SomeRigs opens one rig, or all of them for "". Those whose clone is missing are left
// out then.
func (h *Host) SomeRigs(name string) ([]*rig.Rig, error) {
	if name != "" {
		r, err := h.Rigs().Open(name)
		return []*rig.Rig{r}, err
	}
	all, err := h.Rigs().Load()
	if err != nil {
		return nil, err
	}
	var rigs []*rig.Rig
	for _, s := range all {
		r, err := h.Rigs().Open(s.Name)
		switch {
		case err == nil:
			rigs = append(rigs, r)
		case !errors.Is(err, gitcmd.ErrNotFound):
			return nil, err
		}
	}
	return rigs, nil
}

// NotThere words the error for a thing that is missing, as wrong usage. Other errors
// stay.
func NotThere(op, next string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return town.Fail(op, next, "%w: there is none", town.ErrUsage)
	}
	return err
}
