package sling

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gastown/cmd/internal/host"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/rig"
)

// wanted reads the words: which beads, for which rig. It checks both.
func (o *slingOptions) wanted(ctx context.Context, h *host.Host) ([]operational.Waiting, error) {
	rigs, err := h.Rigs().Load()
	if err != nil {
		return nil, err
	}
	ids, named := o.words, o.rig
	if last := len(ids) - 1; named == "" && last > 0 && slices.ContainsFunc(rigs, func(r rig.Settings) bool { return r.Name == ids[last] }) {
		ids, named = ids[:last], ids[last]
	}
	if named != "" {
		if _, err := h.Rigs().Find(named); err != nil {
			return nil, err
		}
	}
	if ids, err = expand(ctx, h, ids); err != nil {
		return nil, err
	}
	beads, err := ready(ctx, h, ids)
	if err != nil {
		err = unknown(err)
		next := "bd ready lists what can be worked on; gt rig list shows the rigs"
		if last := ids[len(ids)-1]; named == "" && len(ids) > 1 && errors.Is(err, ledger.ErrUnknown) {
			_, ferr := h.Rigs().Find(last)
			next = town.Next(ferr) // it was not known above
			err = fmt.Errorf("%w; nor is %q a rig", err, town.Clip(last, 80))
		}
		return nil, town.Fail("sling", next, "%w", err)
	}
	all := make([]operational.Waiting, len(beads))
	for i, b := range beads {
		of := named
		if of == "" {
			if of = owner(rigs, b.ID); of == "" {
				return nil, town.Fail("sling "+b.ID, "name the rig: gt sling "+b.ID+" RIG; gt rig list shows them", "%w: no rig has the prefix %q", town.ErrUsage, town.PrefixOf(b.ID))
			}
		}
		all[i] = operational.Waiting{Bead: b.ID, Rig: of, Priority: b.Priority, Options: o.how, By: h.Actor.Name}
	}
	return all, nil
}

// unknown is the error for ids that no bead has, each named once. Another error stays as it is.
func unknown(err error) error {
	var b *ledger.BatchError
	if !errors.As(err, &b) || slices.ContainsFunc(b.Entries, func(e ledger.Entry) bool { return !errors.As(e.Err, new(*ledger.UnknownError)) }) {
		return err
	}
	return errors.Join(b.Unwrap()...)
}

// owner is the rig whose prefix a bead has.
func owner(rigs []rig.Settings, bead string) string {
	for _, r := range rigs {
		if r.Prefix == town.PrefixOf(bead) {
			return r.Name
		}
	}
	return ""
}

// ready reads beads and refuses those that nobody can begin.
func ready(ctx context.Context, h *host.Host, ids []string) (beads []town.Bead, err error) {
	s, release, err := h.Ledger(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	details, err := s.Get(ctx, ids, ledger.Fields{"id", "title", "status", "assignee", "priority", "is_template", "labels", "dependencies"})
	if err != nil {
		return nil, err
	}
	var full []string
	for _, d := range details {
		full = append(full, d.ID)
	}
	waits, err := s.Blocked(ctx, ledger.Filter{IDs: full})
	if err != nil {
		return nil, err
	}
	var refused []error
	for _, d := range details {
		switch {
		case d.Template:
			err = fmt.Errorf("%s: %w: it is a template", d.ID, errNotReady)
		case d.Status != town.StatusOpen && d.Status != town.StatusInProgress && d.Status != town.StatusHooked:
			err = fmt.Errorf("%s: %w: it is %s", d.ID, errNotReady, d.Status)
		case town.CheckBranchOf(d.ID) != nil:
			err = fmt.Errorf("%s: %w", d.ID, town.CheckBranchOf(d.ID))
		case stepOf(d) != nil:
			parent := stepOf(d)
			err = fmt.Errorf("%s: %w: it is a step of %s, which %s has", d.ID, errNotReady, parent.ID, parent.Assignee)
		case d.Assignee != "":
			err = fmt.Errorf("%s: %w: %s has it (a person gives it back with: bd update %s --assignee '')", d.ID, errNotReady, d.Assignee, d.ID)
		case slices.ContainsFunc(waits, func(w ledger.Waiting) bool { return w.ID == d.ID }):
			err = fmt.Errorf("%s: %w: it waits for other beads (bd dep tree %s)", d.ID, errNotReady, d.ID)
		default:
			beads = append(beads, d.Bead)
			continue
		}
		refused = append(refused, err)
	}
	return beads, errors.Join(refused...)
}

// stepOf returns the parent of a bead that is a step of a formula, if somebody has the
// parent; else nil.
func stepOf(d ledger.Detail) *ledger.Linked {
	i := slices.IndexFunc(d.Dependencies, func(l ledger.Linked) bool { return l.Type == town.DepParent && l.Assignee != "" })
	if i < 0 || !town.IsStep(d.Labels) {
		return nil
	}
	return &d.Dependencies[i]
}
