package cli

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
	"gastown/town"
)

// patch calls fn with patches as they were written and, when that finds no such
// bead, once more with what their ids, and parents, are short for. Those that
// are short for nothing stay, so that fn tells of them by their lines.
func (d *desk) patch(ctx context.Context, patches []ledger.Patch, fn func([]ledger.Patch) error) error {
	err := fn(patches)
	var bad *ledger.BatchError
	if !errors.Is(err, ledger.ErrUnknown) || !errors.As(err, &bad) {
		return err
	}
	var refs []string
	for _, e := range bad.Entries {
		if errors.Is(e.Err, ledger.ErrUnknown) {
			refs = append(refs, patches[e.Index].ID)
			if p := patches[e.Index].Parent; p != nil && *p != "" {
				refs = append(refs, *p)
			}
		}
	}
	slices.Sort(refs)
	full, vague := d.meant(ctx, slices.Compact(refs))
	if len(full)+len(vague) == 0 {
		return err
	}
	named := slices.Clone(patches)
	for i := range named {
		p := &named[i]
		if id, ok := full[p.ID]; ok {
			p.ID = id
		}
		if p.Parent != nil {
			if id, ok := full[*p.Parent]; ok {
				p.Parent = &id
			}
		}
	}
	err = fn(named)
	if errors.As(err, &bad) {
		for i, e := range bad.Entries {
			if unknown, ok := errors.AsType[*ledger.UnknownError](e.Err); ok && vague[unknown.ID] != nil {
				bad.Entries[i].Err = vague[unknown.ID]
			}
		}
	}
	return err
}

// meant finds what ids are short for, and why those that may mean several beads
// do not do. An error leaves both empty: the ids are unknown then, as fn said.
func (d *desk) meant(ctx context.Context, refs []string) (full map[string]string, vague map[string]error) {
	full, vague = map[string]string{}, map[string]error{}
	ids, err := d.Resolve(ctx, refs)
	var bad *ledger.BatchError
	if errors.As(err, &bad) {
		for _, e := range bad.Entries {
			if errors.Is(e.Err, ledger.ErrAmbiguous) {
				vague[e.ID] = e.Err
			}
			refs = slices.DeleteFunc(refs, func(ref string) bool { return ref == e.ID })
		}
		if len(refs) > 0 {
			ids, err = d.Resolve(ctx, refs)
		}
	}
	if err == nil {
		for i, ref := range refs {
			full[ref] = ids[i]
		}
	}
	return full, vague
}

// refused tells of a batch with faults, and of what check finds wrong with the
// rest of it in the ledger, by line; it changes nothing. next is the advice, or
// empty for the usual one.
func refused(ctx context.Context, call *shell.Call, op, next string, bad *ledger.BatchError, check func(*desk) error) error {
	err := with(ctx, call, check)
	var more *ledger.BatchError
	switch {
	case errors.As(err, &more):
		all := slices.Concat(bad.Entries, more.Entries)
		slices.SortStableFunc(all, func(a, b ledger.Entry) int { return cmp.Compare(a.Line, b.Line) })
		bad = &ledger.BatchError{Entries: all}
	case err != nil:
		return town.Fail(op, town.Next(err), "%w\nthe other lines were not looked up: %v", worded(bad), err)
	}
	if next != "" {
		return town.Fail(op, next, "%w", worded(bad))
	}
	return failed(op, bad)
}
