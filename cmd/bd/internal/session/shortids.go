package session

import (
	"context"
	"errors"
	"maps"
	"slices"

	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
)

// A full id costs no query: the operation is tried with the ids as they were
// written, and short ids are looked up only if it finds no such bead.

// FullIDs calls fn with refs and, if fn finds no such bead, once more with the
// full ids that refs begin.
func (l *Ledger) FullIDs(ctx context.Context, refs []string, fn func(ids []string) error) error {
	err := fn(refs)
	if !errors.Is(err, ledger.ErrUnknown) {
		return err
	}
	ids, resolveErr := l.Resolve(ctx, refs)
	switch {
	case errors.Is(resolveErr, ledger.ErrAmbiguous):
		return resolveErr
	case resolveErr != nil:
		return err
	}
	return fn(ids)
}

// FullByRef is FullIDs whose fn gets the full id of each ref.
func (l *Ledger) FullByRef(ctx context.Context, refs []string, fn func(full map[string]string) error) error {
	return l.FullIDs(ctx, refs, func(ids []string) error {
		full := map[string]string{}
		for i, ref := range refs {
			full[ref] = ids[i]
		}
		return fn(full)
	})
}

// FullPatches is FullIDs for patches: it replaces their ids and parents. A short
// id that begins no bead's id stays, so that fn reports it with its line.
func (l *Ledger) FullPatches(ctx context.Context, patches []ledger.Patch, fn func([]ledger.Patch) error) error {
	err := fn(patches)
	var bad *ledger.BatchError
	if !errors.Is(err, ledger.ErrUnknown) || !errors.As(err, &bad) {
		return err
	}
	full, ambiguous := l.resolveEach(ctx, unknownRefs(bad, patches))
	if len(full)+len(ambiguous) == 0 {
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
			if unknown, ok := errors.AsType[*ledger.UnknownError](e.Err); ok && ambiguous[unknown.ID] != nil {
				bad.Entries[i].Err = ambiguous[unknown.ID]
			}
		}
	}
	return err
}

// FullNew is FullIDs for new beads: it replaces the ids of their parents and of the
// beads they link to.
func (l *Ledger) FullNew(ctx context.Context, list []ledger.NewBead, fn func([]ledger.NewBead) error) error {
	named := map[string]bool{}
	for _, n := range list {
		for _, d := range n.Dependencies {
			named[d.Target] = !ledger.External(d.Target)
		}
		for _, id := range append(n.Blocks, n.Parent) {
			named[id] = id != ""
		}
	}
	maps.DeleteFunc(named, func(_ string, is bool) bool { return !is })
	refs := slices.Sorted(maps.Keys(named))
	return l.FullIDs(ctx, refs, func(ids []string) error {
		full := map[string]string{"": ""}
		for i, ref := range refs {
			full[ref] = ids[i]
		}
		out := slices.Clone(list)
		for i := range out {
			n := &out[i]
			n.Bead, n.Blocks, n.Parent = n.Bead.Clone(), slices.Clone(n.Blocks), full[n.Parent]
			for k, d := range n.Dependencies {
				if id, ok := full[d.Target]; ok {
					n.Dependencies[k].Target = id
				}
			}
			for k, id := range n.Blocks {
				n.Blocks[k] = full[id]
			}
		}
		return fn(out)
	})
}

// unknownRefs are the ids and parents of the patches in which a bead was unknown.
func unknownRefs(bad *ledger.BatchError, patches []ledger.Patch) (refs []string) {
	for _, e := range bad.Entries {
		if !errors.Is(e.Err, ledger.ErrUnknown) {
			continue
		}
		refs = append(refs, patches[e.Index].ID)
		if p := patches[e.Index].Parent; p != nil && *p != "" {
			refs = append(refs, *p)
		}
	}
	slices.Sort(refs)
	return slices.Compact(refs)
}

// resolveEach finds the full id of each reference, and the error of each that
// begins several ids. If the ledger cannot be asked both are empty.
func (l *Ledger) resolveEach(ctx context.Context, refs []string) (full map[string]string, ambiguous map[string]error) {
	full, ambiguous = map[string]string{}, map[string]error{}
	ids, err := l.Resolve(ctx, refs)
	var bad *ledger.BatchError
	if errors.As(err, &bad) {
		for _, e := range bad.Entries {
			if errors.Is(e.Err, ledger.ErrAmbiguous) {
				ambiguous[e.ID] = e.Err
			}
			refs = slices.DeleteFunc(refs, func(ref string) bool { return ref == e.ID })
		}
		if len(refs) > 0 {
			ids, err = l.Resolve(ctx, refs)
		}
	}
	if err == nil {
		for i, ref := range refs {
			full[ref] = ids[i]
		}
	}
	return full, ambiguous
}

// UseFilter is Use whose work gets the filter as FullFilter returns it.
func UseFilter(ctx context.Context, call *shell.Call, f ledger.Filter, work func(*Ledger, ledger.Filter) error) error {
	return Use(ctx, call, func(l *Ledger) error {
		full, err := FullFilter(ctx, l, f)
		if err != nil {
			return err
		}
		return work(l, full)
	})
}

// FullFilter returns a filter with the full ids of the beads and of the parents that
// it and its parts name. An id of no bead is an error instead of an empty list. So is a
// status or type that the ledger does not know.
func FullFilter(ctx context.Context, r Reader, f ledger.Filter) (ledger.Filter, error) {
	if err := r.CheckWords(ctx, f); err != nil {
		return f, err
	}
	var refs []string
	f = replaceRefs(f, func(ref string) string {
		refs = append(refs, ref)
		return ref
	})
	if len(refs) == 0 {
		return f, nil
	}
	got, err := r.Get(ctx, refs, ledger.Fields{"id"})
	if err != nil {
		return f, err
	}
	next := 0
	return replaceRefs(f, func(string) string {
		next++
		return got[next-1].ID
	}), nil
}

// replaceRefs returns a copy of a filter in which every id was replaced, always in
// the same order.
func replaceRefs(f ledger.Filter, replace func(string) string) ledger.Filter {
	f.IDs = slices.Clone(f.IDs)
	for i, id := range f.IDs {
		f.IDs[i] = replace(id)
	}
	if f.Parent != "" {
		f.Parent = replace(f.Parent)
	}
	for _, parts := range []*[]ledger.Filter{&f.All, &f.Any, &f.None} {
		*parts = slices.Clone(*parts)
		for i, part := range *parts {
			(*parts)[i] = replaceRefs(part, replace)
		}
	}
	return f
}
