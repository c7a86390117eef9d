package federate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gastown/planes/doltdb"
	"gastown/planes/federation"
	"gastown/sync/gitremote"
	"gastown/sync/records"
	"gastown/sync/turns"
	"gastown/town"
)

// turnRemote is what Dolt calls a turn that is merged.
const turnRemote = "turn"

// absorb merges turns of other Towns, in that order, into what is staged. It does
// nothing when the push has nothing to publish.
func (p *push) absorb(ctx context.Context, order []turns.Turn) error {
	p.absorbed = nil
	own, err := p.ownTurns()
	if err != nil || len(order)+len(own) == 0 || p.agreed != "" {
		return err
	}
	if pending, err := p.mirror.Pending(p.publish.Beside); err != nil || !pending {
		return err
	}
	defer p.step("absorb")()
	began := time.Now()
	list := own
	for _, o := range order {
		for _, t := range p.waiting {
			if string(t.Town) == o.Town {
				list = append(list, t)
			}
		}
	}
	var data, ledger []gitremote.Turn
	for _, t := range list {
		if t.Ledger {
			ledger = append(ledger, t)
		} else if !p.opts.OnlyLedger {
			data = append(data, t)
		}
	}
	defer func() { p.tip.sign = p.planeSign() }()
	// Documents first: the keys that signed the records are among them.
	if len(data) > 0 {
		err := p.with(ctx, func(w *workspace) error { return p.absorbDocuments(ctx, w, data, began) })
		if err != nil {
			return err
		}
	}
	for i, t := range ledger {
		if i > 0 && time.Since(began) > turns.AbsorbTime {
			break
		}
		if p.keysWait(t.Town, data) {
			continue
		}
		if err := p.absorbRecords(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// keysWait reports that a turn of a Town with documents was not merged. Its turn with
// records then waits, too.
func (p *push) keysWait(id town.ID, data []gitremote.Turn) bool {
	of := func(t gitremote.Turn) bool { return !t.Ledger && t.Town == id }
	return slices.ContainsFunc(data, of) && !slices.ContainsFunc(p.absorbed, of)
}

// ownTurns are turns that carry this Town's name and were not left by it, as far as
// is known: they are merged like those of others.
func (p *push) ownTurns() (list []gitremote.Turn, err error) {
	_, known, err := p.mirror.OwnTurns()
	for _, t := range p.waiting {
		if t.Town == p.opts.ID && known[t.Ref] == "" {
			list = append(list, t)
		}
	}
	return list, err
}

// absorbDocuments merges turns of the federation, and puts the result into the
// mirror.
func (p *push) absorbDocuments(ctx context.Context, w *workspace, list []gitremote.Turn, began time.Time) error {
	// Files and index first agree on our own tip.
	if err := w.show(ctx); err != nil {
		return err
	}
	merged := false
	for i, t := range list {
		if i > 0 && time.Since(began) > turns.AbsorbTime {
			break
		}
		notes, added, err := p.absorbOne(ctx, w, t)
		if err != nil {
			if err := p.skip(ctx, t, err); err != nil {
				return err
			}
			continue
		}
		p.notes = append(p.notes, notes...)
		p.absorbed = append(p.absorbed, t)
		merged = merged || added
	}
	if err := w.store.Forget(ctx, turnRemote); err != nil || !merged {
		return err
	}
	var got Pulled
	if err := w.finish(ctx, &got); err != nil {
		return err
	}
	p.out.Pulled = got.after(p.out.Pulled)
	p.out.Reviews = got.Reviews
	p.tip.commit, p.tip.shown = w.tip, len(w.behind) == 0
	if err := w.store.Push(ctx, p.remote.Name, p.mirror.Dir()); err != nil {
		return err
	}
	return p.onlyChecked(ctx, w, p.tip.commit)
}

// absorbOne merges one turn. An error refuses it, and nothing has changed.
func (p *push) absorbOne(ctx context.Context, w *workspace, t gitremote.Turn) (notes []string, added bool, err error) {
	dir, err := p.mirror.TakeTurn(ctx, t)
	if err != nil {
		return nil, false, err
	}
	theirs, err := w.store.Fetch(ctx, turnRemote, dir)
	if err != nil {
		return nil, false, err
	}
	var c federation.Comparison
	if c, err = w.store.Compare(ctx, theirs); err != nil || c.Base == theirs {
		return nil, false, err
	}
	if c.Base == "" {
		return nil, false, fmt.Errorf("%w", ErrUnrelated)
	}
	uuid, _ := p.opts.Stores.Federation()
	if err := w.store.CheckIncoming(ctx, p.from(t), uuid, c.Base, theirs); err != nil {
		return nil, false, err
	}
	merged, err := w.store.MergeLater(ctx, c.Base, c.Ours, theirs, "merge "+p.from(t))
	if err != nil {
		return nil, false, err
	}
	for _, note := range merged.Notes {
		notes = append(notes, "for Town "+string(t.Town)+": "+note)
	}
	notes = append(notes, refusedNotes(merged.Refused)...)
	_, err = w.store.Mend(ctx, c.Base, theirs)
	return notes, true, err
}

// absorbRecords merges one turn of ledger records.
func (p *push) absorbRecords(ctx context.Context, t gitremote.Turn) error {
	dir, err := p.mirror.TakeTurn(ctx, t)
	if err == nil {
		_, err = p.plan.Absorb(ctx, dir, p.from(t))
	}
	switch {
	case err == nil:
		p.absorbed = append(p.absorbed, t)
		return nil
	case errors.Is(err, records.ErrNotExchanged):
		return nil
	}
	return p.skip(ctx, t, err)
}

// refusals are the kinds of errors that say that a turn itself is not acceptable.
var refusals = []error{
	town.ErrRefused, ErrUnrelated, doltdb.ErrNewerSchema, doltdb.ErrCorrupt, doltdb.ErrNoBranch, doltdb.ErrConflict,
	gitremote.ErrNotDolt, gitremote.ErrCorrupt, gitremote.ErrTooLarge,
}

// skip goes on without a turn that could not be merged. If the turn itself is the
// reason it is ignored from now on; else the next publication takes it.
func (p *push) skip(ctx context.Context, t gitremote.Turn, reason error) error {
	if ctx.Err() != nil {
		return reason
	}
	for _, kind := range refusals {
		if errors.Is(reason, kind) {
			return p.ignore(t.Ref, reason)
		}
	}
	p.opts.Log.WithError(reason).WithField("turn", t.Ref).Warn("a turn is not merged this time")
	return nil
}

// from names a turn to people.
func (p *push) from(t gitremote.Turn) string {
	return "the turn of Town " + string(t.Town) + " at " + p.remote.Name
}

// ignore tells once that a turn cannot be merged. It holds nobody up.
func (p *push) ignore(ref string, reason error) error {
	p.notes = append(p.notes, fmt.Sprintf("what %s of %s holds is not merged, and stays there: %v", town.Clip(ref, 100), p.remote.Name, reason))
	p.waiting = slices.DeleteFunc(p.waiting, func(t gitremote.Turn) bool { return t.Ref == ref })
	return p.mirror.Ignore(ref)
}
