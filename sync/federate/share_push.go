package federate

import (
	"context"
	"errors"
	"maps"
	"slices"

	"gastown/planes/exchange"
	"gastown/sync/share"
	"gastown/town"
)

// shared is what is known of the records shared through one remote.
type shared struct {
	// Head is the Git commit of LedgerRef whose content is merged here.
	Head string `json:"head,omitempty"`
	// Agreed are the rules a person confirmed for the URL At; the value says
	// whether the rule redacts.
	Agreed map[town.Digest]bool `json:"agreed,omitempty"`
	At     string               `json:"agreed_url,omitempty"`
	// Rules and Ledger are what this Town's records there were made of.
	Rules  town.Digest `json:"rules,omitempty"`
	Ledger string      `json:"ledger,omitempty"`
}

// agreed are the rules that hold for a remote.
func (s shared) agreed(r Remote) map[town.Digest]bool {
	if s.At != r.URL {
		return nil
	}
	return s.Agreed
}

// prepareShare decides what of the ledger a push sends, and has a person confirm
// rules that are new for the remote. nil means that the ledger is no concern of
// this push. Nothing is open while the question is asked.
func (e *Engine) prepareShare(ctx context.Context, l *remoteLock, out *Pushed) (*sharePlan, error) {
	if l.ledger == nil {
		return nil, nil
	}
	plan, err := e.loadPlan()
	if err != nil || len(plan.rules) == 0 && !plan.exists {
		return nil, err
	}
	st, err := e.loadState(l.remote.Name)
	if err != nil {
		return nil, err
	}
	plan.waiting = plan.rules.Unconfirmed(st.Shared.agreed(l.remote))
	if len(plan.waiting) == 0 {
		if same, err := e.unchanged(ctx, plan, st); err != nil || same {
			out.Shared = &Shared{}
			return plan, err
		}
	}
	if err := e.fill(ctx, plan); err != nil {
		return nil, err
	}
	if err := e.agreeToShare(ctx, l, plan); err != nil {
		return nil, err
	}
	out.Shared = plan.outcome()
	return plan, nil
}

// planShare is prepareShare, after what arrived with an earlier fetch of the
// same call, as that of a join, is taken over.
func (e *Engine) planShare(ctx context.Context, l *remoteLock, out *Pushed) (*sharePlan, error) {
	if l.ledger != nil {
		if got, seen, err := l.ledger.Arrived(); err == nil && seen && got.Head != "" {
			st, err := e.loadState(l.remote.Name)
			if err != nil {
				return nil, err
			}
			var pulled Pulled
			if err := e.pullShare(ctx, l, false, &st, &pulled); err != nil {
				return nil, err
			}
			if err := e.saveState(l.remote.Name, st); err != nil {
				return nil, err
			}
			l.notes = append(l.notes, pulled.Notes...)
		}
	}
	return e.prepareShare(ctx, l, out)
}

// planAgain adapts a plan to what a pull within the push has found.
func (e *Engine) planAgain(ctx context.Context, l *remoteLock, plan *sharePlan, out *Pushed) error {
	if plan == nil {
		return nil
	}
	st, err := e.loadState(l.remote.Name)
	if err != nil {
		return err
	}
	now, err := e.loadPlan()
	if err != nil {
		return err
	}
	plan.exists, plan.waiting = now.exists, plan.rules.Unconfirmed(st.Shared.agreed(l.remote))
	if st.Shared.Rules == "" {
		err = e.refill(ctx, plan)
	}
	if plan.filled {
		out.Shared = plan.outcome()
	}
	return err
}

// resetShare drops from the mirror what was staged and not published.
func (e *Engine) resetShare(ctx context.Context, l *remoteLock, plan *sharePlan) error {
	if !plan.moves() {
		return nil
	}
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

// unchanged reports that the remote has what rules and ledger still say.
func (e *Engine) unchanged(ctx context.Context, plan *sharePlan, st state) (same bool, err error) {
	if !plan.exists || st.Shared.Head == "" || st.Shared.Rules != plan.rules.Digest() {
		return false, nil
	}
	store, err := e.opts.Ledger(ctx)
	if err != nil {
		return false, err
	}
	head, err := store.Head(ctx)
	plan.head = head
	return head == st.Shared.Ledger, errors.Join(err, store.Close())
}

// agreeToShare shows a person what rules nobody confirmed would send.
func (e *Engine) agreeToShare(ctx context.Context, l *remoteLock, plan *sharePlan) error {
	if len(plan.waiting) == 0 || e.opts.ConfirmShare == nil {
		return nil
	}
	p := e.sharePreview(plan)
	p.Remote, p.Address = l.remote, l.where()
	for _, r := range plan.waiting {
		p.Unconfirmed = append(p.Unconfirmed, r.Name)
	}
	if l.ledger.Head() == "" && plan.exists {
		// Its records would come along with the history.
		err := e.withExchange(ctx, func(s *exchange.Store) error {
			towns, err := s.Towns(ctx)
			for _, m := range towns {
				if m.ID != e.opts.ID {
					p.Others += m.Records
				}
			}
			return err
		})
		if err != nil && !errors.Is(err, errNoExchange) {
			return err
		}
	}
	switch err := e.opts.ConfirmShare(p); {
	case errors.Is(err, town.ErrRefused):
		return nil // it is told that they wait
	case err != nil:
		return err
	}
	plan.waiting = nil
	st, err := e.loadState(l.remote.Name)
	if err != nil {
		return err
	}
	st.Shared.Agreed, st.Shared.At = plan.rules.Agreed(), l.remote.URL
	return e.saveState(l.remote.Name, st)
}

// outcome is the plan for people.
func (p *sharePlan) outcome() *Shared {
	s := &Shared{Total: len(p.records), Withheld: p.withheld, Put: p.put, Removed: p.gone}
	for _, r := range p.waiting {
		s.Waiting = append(s.Waiting, r.Name)
	}
	return s
}

// moves reports whether the push has anything to do with the exchange.
func (p *sharePlan) moves() bool {
	return p != nil && len(p.waiting) == 0 && (p.exists || len(p.records) > 0)
}

// staged reports whether there is something in the mirror to publish.
func (p *sharePlan) staged() bool { return p.moves() && p.exists }

// stageShare writes the plan into the exchange and puts that into the mirror.
// doltdb.ErrBehind when the mirror has what this Town has not merged.
func (e *Engine) stageShare(ctx context.Context, l *remoteLock, plan *sharePlan, out *Pushed) error {
	if !plan.moves() {
		return nil
	}
	defer e.step("stage records")()
	err := e.withExchange(ctx, func(s *exchange.Store) error { return e.writeShare(ctx, s, l, plan) })
	if errors.Is(err, errNoExchange) {
		if err := e.beginExchange(ctx, l, plan); err != nil || !plan.exists {
			return err
		}
		err = e.withExchange(ctx, func(s *exchange.Store) error { return e.writeShare(ctx, s, l, plan) })
	}
	if plan.filled {
		out.Shared = plan.outcome()
	}
	return err
}

// beginExchange takes what the remote holds or, where it holds nothing, begins.
func (e *Engine) beginExchange(ctx context.Context, l *remoteLock, plan *sharePlan) error {
	plan.exists = false
	if l.ledger.Head() != "" {
		if err := l.ledger.Reset(ctx); err != nil {
			return err
		}
		if _, err := e.copyExchange(ctx, l); err != nil {
			return err
		}
		plan.exists = true
		return e.refill(ctx, plan)
	}
	if err := e.refill(ctx, plan); err != nil || len(plan.records) == 0 {
		return err // nothing leaves, not even an empty database
	}
	if err := e.makeExchange(ctx); err != nil {
		return err
	}
	plan.exists = true
	return nil
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
	if plan.filled {
		own, err := s.Own(ctx)
		if err != nil {
			return err
		}
		var put []share.Record
		for _, id := range slices.Sorted(maps.Keys(plan.records)) {
			if r := plan.records[id].Record; own[id] != r.Digest(e.opts.ID) {
				put = append(put, r)
			}
		}
		plan.own = own
		gone := plan.removed()
		if len(put)+len(gone) > 0 {
			if _, err := s.Publish(ctx, e.opts.Name, put, gone); err != nil {
				return err
			}
		}
		// A second attempt finds most of it done.
		plan.put, plan.gone = max(plan.put, len(put)), max(plan.gone, len(gone))
	}
	return s.Push(ctx, l.remote.Name, l.ledger.Dir())
}

// noteShare notes that the remote confirmed what was staged.
func (e *Engine) noteShare(l *remoteLock, plan *sharePlan, st *state) {
	if plan.moves() {
		st.Shared.Head, st.Shared.Rules, st.Shared.Ledger = l.ledger.Head(), plan.rules.Digest(), plan.head
	}
}

// previewPush counts what a push would do with records.
func (e *Engine) previewPush(ctx context.Context, l *remoteLock, out *Pushed) error {
	if e.opts.Ledger == nil {
		return nil
	}
	plan, err := e.loadPlan()
	if err != nil || len(plan.rules) == 0 && !plan.exists {
		return err
	}
	st, err := e.loadState(l.remote.Name)
	if err != nil {
		return err
	}
	if err := e.fill(ctx, plan); err != nil {
		return err
	}
	plan.waiting = plan.rules.Unconfirmed(st.Shared.agreed(l.remote))
	for id, sel := range plan.records {
		if plan.own[id] != sel.Record.Digest(e.opts.ID) {
			plan.put++
		}
	}
	plan.gone = len(plan.removed())
	out.Shared = plan.outcome()
	out.UpToDate = out.UpToDate && plan.put+plan.gone == 0
	return nil
}
