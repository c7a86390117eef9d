package federate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"gastown/planes/doltdb"
	"gastown/planes/federation"
	"gastown/sync/gitcmd"
	"gastown/sync/gitremote"
	"gastown/sync/records"
	"gastown/sync/turns"
	"gastown/town"
)

// compete publishes, beside other Towns that do the same. Package turns decides
// what comes next.
func (p *push) compete(ctx context.Context) error {
	began := time.Now()
	at := func() time.Duration { return time.Since(began) }
	met := p.state.Crowded
	p.turn = turns.New(turns.Options{
		Town: string(p.opts.ID), Patience: p.opts.Patience, Random: rand.Float64,
		// What a person agreed to publish is published as it is.
		NoTurns: p.mirror.NoTurns() || p.agreed != "",
		Crowded: !met.IsZero() && began.Sub(met).Abs() < crowdedFor,
	})
	if p.last != nil {
		if err := p.see(ctx, at()); err != nil {
			return err
		}
	}
	for {
		var err error
		done := false
		switch step := p.turn.Next(at()); step.Do {
		case turns.Try:
			done, err = p.try(ctx, step.Absorb, at)
		case turns.Leave:
			err = p.leave(ctx, at)
		case turns.Look:
			err = p.look(ctx, at)
		case turns.Wait:
			what := "wait for other Towns"
			if p.turn.Unserved() {
				what = "wait for the server of " + p.remote.Name + ", which is too busy"
			}
			p.progress(what, int64(at()/time.Second), 0, "s")
			err = wait(ctx, step.Wait)
		case turns.GiveUp:
			return p.giveUp(at())
		}
		if errors.Is(err, gitcmd.ErrBusy) {
			p.unserved, err = err, nil
			p.turn.Busy(at())
		}
		if done || err != nil {
			return err
		}
	}
}

// patiently repeats a contact with a server that is too busy, with growing pauses
// within the patience.
func (s *session) patiently(ctx context.Context, contact func() error) (err error) {
	began := time.Now()
	p := turns.New(turns.Options{Patience: s.opts.Patience, Random: rand.Float64})
	for {
		switch step := p.Next(time.Since(began)); step.Do {
		case turns.Wait:
			s.progress("wait for the server of "+s.remote.Name+", which is too busy", 0, 0, "")
			if werr := wait(ctx, step.Wait); werr != nil {
				return werr
			}
		case turns.GiveUp:
			return err
		default:
			if err = contact(); !errors.Is(err, gitcmd.ErrBusy) {
				return err
			}
			p.Busy(time.Since(began))
		}
	}
}

// try merges what was found, and publishes once.
func (p *push) try(ctx context.Context, absorb []turns.Turn, at func() time.Duration) (done bool, err error) {
	if p.arrived != nil {
		if err := p.mergeOthers(ctx); err != nil {
			return false, err
		}
	}
	p.out.Attempts++
	p.before = p.heads()
	done, p.rejected, err = p.attempt(ctx, absorb)
	if err != nil || !done {
		p.turn.Lost(at())
		return false, err
	}
	if p.wasLeft && p.out.UpToDate {
		// Another Town has published this one's turn.
		p.out.UpToDate, p.out.Commits = false, p.left
	}
	if p.turn.Elsewhere() {
		p.state.Crowded = p.opts.Now().UTC()
		return true, p.save()
	}
	return true, nil
}

// look fetches, and notes what waits. It merges nothing.
func (p *push) look(ctx context.Context, at func() time.Duration) error {
	if err := errors.Join(p.mirror.Reset(ctx), p.plan.Reset(ctx)); err != nil {
		return err
	}
	arrived, err := p.fetch(ctx)
	gone := p.publish.Recreate && errors.Is(err, gitremote.ErrGone)
	if err != nil && !gone {
		return err
	}
	p.arrived, p.fetched, p.behind = &arrived, true, false
	if err := p.see(ctx, at()); err != nil {
		return err
	}
	rejected := p.rejected
	p.rejected = nil
	if rejected == nil || p.heads() != p.before || errors.Is(rejected, gitremote.ErrTurnsWait) {
		p.refusals = 0
		return err
	}
	// Nobody published: the server has its own reason.
	if arrived.Empty || gone {
		p.arrived = nil
	}
	return p.waitRefused(ctx, rejected)
}

// see tells the decision what the last fetch found.
func (p *push) see(ctx context.Context, at time.Duration) error {
	waiting, bad, err := p.mirror.Turns(ctx)
	if err != nil {
		return err
	}
	for ref, reason := range bad {
		if err := p.ignore(ref, reason); err != nil {
			return err
		}
	}
	p.waiting = p.waiting[:0]
	list := map[string]turns.Turn{}
	for _, t := range waiting {
		if t.Ledger && p.plan == nil {
			if err := p.mirror.Ignore(t.Ref); err != nil {
				return err
			}
			continue
		}
		p.waiting = append(p.waiting, t)
		known, ok := list[string(t.Town)]
		if one := (turns.Turn{Town: string(t.Town), Since: t.Since, When: t.When}); !ok || one.Since < known.Since {
			list[string(t.Town)] = one
		}
	}
	var all []turns.Turn
	for _, t := range list {
		all = append(all, t)
	}
	p.turn.Seen(at, fmt.Sprint(p.heads()), p.mirror.Commits(), all)
	return nil
}

// leave leaves what is not published as the Town's turn.
func (p *push) leave(ctx context.Context, at func() time.Duration) error {
	if p.behind {
		return p.look(ctx, at)
	}
	if p.arrived != nil {
		if err := p.mergeOthers(ctx); err != nil {
			return err
		}
	}
	if err := p.stageAll(ctx); err != nil {
		return err
	}
	if pending, err := p.mirror.Pending(p.publish.Beside); err != nil || !pending {
		p.turn.Refused() // there is nothing to leave: the attempt confirms it
		return err
	}
	defer p.step("leave a turn")()
	err := p.mirror.Leave(ctx, p.publish)
	switch {
	case errors.Is(err, gitremote.ErrNoTurns):
		p.opts.Log.WithError(err).Info("the host takes no turns")
		p.turn.Refused()
		return nil
	case err != nil && !errors.Is(err, gitremote.ErrUnknownOutcome):
		return err
	}
	// A look tells whether a turn waits whose answer was lost.
	p.wasLeft, p.left = true, p.out.Commits
	p.turn.Left(at())
	return nil
}

// giveUp is the error of a push whose patience has ended.
func (p *push) giveUp(after time.Duration) error {
	p.state.Crowded = p.opts.Now().UTC()
	if p.turn.Unserved() {
		return p.unserved
	}
	what := ""
	if p.turn.Waits() {
		what = "; the edits wait there, and the Town that publishes next takes them along"
	}
	return town.Fail("push to "+p.remote.Name, "run it again in a while",
		"%w: other Towns published first for %s%s", town.ErrBusy, after.Round(time.Second), what)
}

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
	var data []gitremote.Turn
	defer func() { p.tip.sign = p.planeSign() }()
	for i, t := range list {
		if i > 0 && time.Since(began) > turns.AbsorbTime {
			break
		}
		if !t.Ledger {
			data = append(data, t)
			continue
		}
		if err := p.absorbRecords(ctx, t); err != nil {
			return err
		}
	}
	if len(data) == 0 || p.opts.OnlyLedger {
		return nil
	}
	return p.with(ctx, func(w *workspace) error { return p.absorbDocuments(ctx, w, data, began) })
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
