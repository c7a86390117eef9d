package federate

import (
	"context"
	"errors"
	"fmt"

	"gastown/planes/exchange"
	"gastown/town"
)

// shared is what is known of the records shared through one remote.
type shared struct {
	// Head is the Git commit of LedgerRef whose content is merged here.
	Head string `json:"head,omitempty"`
	// Commit is the exchange's tip when that was so. What is committed after it,
	// and after that of every other remote, has left for nowhere.
	Commit string `json:"commit,omitempty"`
	// Held is the exchange's commit that the remote is known to hold.
	Held string `json:"held,omitempty"`
	// From is the URL that Head, Commit and Held are about.
	From string `json:"from,omitempty"`
	// Made has, for each set of rules, the commits with records made of them for
	// this remote. A commit that is not there is taken for one that nobody agreed to.
	Made map[town.Digest][]string `json:"made,omitempty"`
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

// of is what holds for a remote at the URL it has now: what was exchanged with
// another repository under the same name says nothing of this one.
func (s shared) of(r Remote) shared {
	if s.From != "" && s.From != r.URL {
		return shared{Made: s.Made}
	}
	return s
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
	st, err := e.stateOf(l.remote)
	if err != nil {
		return nil, err
	}
	plan.waiting = plan.rules.Unconfirmed(st.Shared.agreed(l.remote))
	if plan.exists && l.ledger.Head() == "" {
		if err := e.weighPast(ctx, l, plan); err != nil {
			return nil, err
		}
	} else if plan.exists {
		if err := e.weighElsewhere(ctx, l, plan); err != nil {
			return nil, err
		}
	}
	if len(plan.waiting) == 0 && !plan.barred {
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
	if plan.barred {
		l.notes = append(l.notes, plan.inHistory(l.remote))
	}
	out.Shared = plan.outcome()
	return plan, nil
}

// inHistory says what bars a plan.
func (p *sharePlan) inHistory(r Remote) string {
	return fmt.Sprintf("%d record(s) as nobody agreed to share them at %s are in the history; gt federation push asks", p.past, r.Name)
}

// planShare is prepareShare, after what arrived with an earlier fetch of the
// same call, as that of a join, is taken over. A pull has done so itself.
func (e *Engine) planShare(ctx context.Context, l *remoteLock, out *Pushed) (*sharePlan, error) {
	if l.ledger != nil && l.last == nil {
		if got, seen, err := l.ledger.Arrived(); err == nil && seen && got.Head != "" {
			st, err := e.stateOf(l.remote)
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

// weighPast looks at what the history would bring to a remote that has none of
// it, beside the records that are shared now. Somebody has to agree to that,
// whoever confirmed the rules: all of them wait.
func (e *Engine) weighPast(ctx context.Context, l *remoteLock, plan *sharePlan) error {
	if err := e.refill(ctx, plan); err != nil {
		return err
	}
	err := e.withExchange(ctx, func(s *exchange.Store) error {
		tip, err := e.rewind(ctx, s, l)
		switch {
		case errors.Is(err, errUnpublished):
			return nil // none of it goes there
		case err != nil:
			return err
		}
		own, err := s.Own(ctx, "")
		if err != nil {
			return err
		}
		for id, digest := range own {
			if sel, ok := plan.records[id]; !ok || sel.Record.Digest(e.opts.ID) != digest {
				plan.past++
			}
		}
		n, err := s.Past(ctx) // also of other Towns
		if err != nil {
			return err
		}
		plan.past += n
		plan.weighed = tip
		plan.found, err = e.unagreed(ctx, s, l, plan)
		return err
	})
	if err != nil && !errors.Is(err, errNoExchange) {
		return err
	}
	if plan.past > 0 {
		plan.waiting, plan.barred = plan.rules, true
	}
	return nil
}

// agreeToShare shows a person what rules nobody confirmed would send.
func (e *Engine) agreeToShare(ctx context.Context, l *remoteLock, plan *sharePlan) error {
	if len(plan.waiting) == 0 && !plan.barred || e.opts.ConfirmShare == nil {
		return nil
	}
	p := e.sharePreview(plan)
	p.Remote, p.Address, p.Past = l.remote, l.where(), plan.past
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
	if plan.past > 0 {
		l.notes = append(l.notes, fmt.Sprintf("%d record(s) as they were before go to %s with the history: it was agreed to", plan.past, l.remote.Name))
	}
	plan.waiting, plan.barred = nil, false
	plan.accept()
	st, err := e.stateOf(l.remote)
	if err != nil {
		return err
	}
	st.Shared.Agreed, st.Shared.At = plan.rules.Agreed(), l.remote.URL
	return e.saveState(l.remote.Name, st)
}
