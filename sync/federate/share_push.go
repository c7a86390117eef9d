package federate

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"gastown/planes/exchange"
	"gastown/sync/share"
)

// planAgain adapts a plan to what a pull within the push has found.
func (e *Engine) planAgain(ctx context.Context, l *remoteLock, plan *sharePlan, out *Pushed) error {
	if plan == nil {
		return nil
	}
	st, err := e.stateOf(l.remote)
	if err != nil {
		return err
	}
	if plan.exists, err = e.hasExchange(l.remote.Name); err != nil {
		return err
	}
	if st.Shared.Rules == "" {
		err = e.refill(ctx, plan)
	}
	if plan.filled {
		plan.wait(l.remote, st)
		out.Shared = plan.outcome()
	}
	return err
}

// resetShare drops from the mirror what was staged and not published.
func (e *Engine) resetShare(ctx context.Context, l *remoteLock, plan *sharePlan) error {
	if plan == nil || !plan.moves(l) && !plan.staged {
		return nil
	}
	plan.staged = false
	return l.ledger.Reset(ctx)
}

// recordsHead is the commit of the records' ref as last seen.
func (l *remoteLock) recordsHead() string {
	if l.ledger == nil {
		return ""
	}
	return l.ledger.Head()
}

// recordsArrived reports that the last fetch found a push of records arrived
// whose answer was lost.
func (l *remoteLock) recordsArrived() bool {
	if l.ledger == nil {
		return false
	}
	got, _, err := l.ledger.Arrived()
	return err == nil && got.PublishedEarlier
}

// outcome is the plan for people.
func (p *sharePlan) outcome() *Shared {
	s := &Shared{Total: len(p.records), Withheld: p.withheld, Put: p.put, Removed: p.gone}
	for _, r := range p.waiting {
		s.Waiting = append(s.Waiting, r.Name)
	}
	return s
}

// moves reports whether the push has anything to do with the exchange. A remote
// that has none gets none without a record to share and everybody's agreement.
func (p *sharePlan) moves(l *remoteLock) bool {
	switch {
	case p == nil:
		return false
	case l.ledger.Head() == "":
		return len(p.waiting) == 0 && len(p.records) > 0
	}
	return p.exists || len(p.waiting) == 0 && len(p.records) > 0
}

// stageShare writes the plan into the exchange and puts that into the mirror.
// doltdb.ErrBehind when the mirror has what this Town has not merged.
func (e *Engine) stageShare(ctx context.Context, l *remoteLock, plan *sharePlan, out *Pushed) error {
	if plan != nil {
		plan.staged = false
	}
	if !plan.moves(l) {
		return nil
	}
	defer e.step("stage records")()
	write := func() error {
		return e.withExchange(ctx, l.remote.Name, func(s *exchange.Store) error { return e.writeShare(ctx, s, l, plan) })
	}
	err := write()
	if errors.Is(err, errNoExchange) || errors.Is(err, errUnpublished) {
		if err := e.beginExchange(ctx, l, plan); err != nil || !plan.exists {
			return err
		}
		err = write()
	}
	if plan.filled {
		out.Shared = plan.outcome()
	}
	return err
}

// refill reads the ledger for a plan that was made without, because nothing
// seemed to have changed.
func (e *Engine) refill(ctx context.Context, plan *sharePlan) error {
	if plan.filled {
		return nil
	}
	return e.fill(ctx, plan)
}

func (e *Engine) writeShare(ctx context.Context, s *exchange.Store, l *remoteLock, plan *sharePlan) error {
	tip, err := e.rewind(ctx, s, l)
	if err != nil {
		return err
	}
	st, err := e.stateOf(l.remote)
	if err != nil {
		return err
	}
	if len(plan.waiting) > 0 && st.Shared.At == "" {
		return nil // nobody's agreement holds, so nothing moves: see ForgetRules
	}
	if plan.filled {
		own, err := s.Own(ctx, "")
		if err != nil {
			return err
		}
		var put []share.Record
		for _, id := range slices.Sorted(maps.Keys(plan.records)) {
			if r := plan.records[id].Record; len(plan.waiting) == 0 && own[id] != r.Digest(e.opts.ID) {
				put = append(put, r)
			}
		}
		plan.own = own
		gone := plan.removed()
		if len(plan.waiting) > 0 && len(gone) == 0 {
			return nil
		}
		if len(put)+len(gone) > 0 {
			commit, err := s.Publish(ctx, e.opts.Name, put, gone)
			if err != nil {
				return err
			}
			if commit != "" {
				if err := e.noteTried(l, commit); err != nil {
					return err
				}
			}
			tip = cmp.Or(commit, tip)
			if _, err := s.MaybeGC(ctx); err != nil {
				return err
			}
		}
		// A second attempt finds most of it done.
		plan.put, plan.gone = max(plan.put, len(put)), max(plan.gone, len(gone))
	}
	plan.commit = tip
	err = s.Push(ctx, l.remote.Name, l.ledger.Dir())
	plan.staged = err == nil
	return err
}

// noteShare notes that the remote confirmed what was staged.
func (e *Engine) noteShare(l *remoteLock, plan *sharePlan, st *state) {
	if plan == nil || !plan.staged {
		return
	}
	st.Shared.Head, st.Shared.Commit, st.Shared.Tried = l.ledger.Head(), plan.commit, nil
	st.Shared.From, st.Shared.Store = l.remote.URL, e.exchangeUUID()
	st.Shared.Rules, st.Shared.Ledger = plan.rules.Digest(), plan.head
	if len(plan.waiting) > 0 {
		st.Shared.Rules, st.Shared.Ledger = "", ""
	}
}

// previewPush counts what a push would do with records.
func (e *Engine) previewPush(ctx context.Context, l *remoteLock, out *Pushed) error {
	if e.opts.Ledger == nil {
		return nil
	}
	plan, err := e.loadPlan(l.remote)
	if err != nil || len(plan.rules) == 0 && !plan.exists {
		return err
	}
	st, err := e.stateOf(l.remote)
	if err != nil {
		return err
	}
	if err := e.fill(ctx, plan); err != nil {
		return err
	}
	plan.wait(l.remote, st)
	for id, sel := range plan.records {
		if plan.own[id] != sel.Record.Digest(e.opts.ID) {
			plan.put++
		}
	}
	if len(plan.waiting) == 0 || st.Shared.At != "" {
		plan.gone = len(plan.removed())
	}
	out.Shared = plan.outcome()
	out.UpToDate = out.UpToDate && plan.put+plan.gone == 0
	return nil
}
