package federate

import (
	"context"
	"errors"

	"gastown/sync/gitremote"
	"gastown/town"
)

// shared is what is known of the records shared through one remote.
type shared struct {
	// Head is the Git commit of LedgerRef whose content is merged here.
	Head string `json:"head,omitempty"`
	// Commit is the exchange's tip when that was so. What is committed after it
	// has left for nowhere, unless it is Tried.
	Commit string `json:"commit,omitempty"`
	// Tried are commits of the exchange that a push was to send and was not told
	// to have sent, the newest last.
	Tried []string `json:"tried,omitempty"`
	// From is the URL, and Store the exchange's UUID, that the above is about.
	From  string `json:"from,omitempty"`
	Store string `json:"store,omitempty"`
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
// another repository under the same name, or in another federation, says
// nothing of this one.
func (s shared) of(r Remote, store string) shared {
	if s.From != "" && s.From != r.URL || s.Store != "" && s.Store != store {
		return shared{}
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
	plan, err := e.loadPlan(l.remote)
	if err != nil || len(plan.rules) == 0 && !plan.exists {
		return nil, err
	}
	st, err := e.stateOf(l.remote)
	if err != nil {
		return nil, err
	}
	if same, err := e.unchanged(ctx, l, plan, st); err != nil || same {
		out.Shared = &Shared{}
		return plan, err
	}
	if err := e.fill(ctx, plan); err != nil {
		return nil, err
	}
	plan.wait(l.remote, st)
	if still := plan.rules.Still(st.Shared.Agreed, plan.prefixes); len(still) < len(st.Shared.Agreed) {
		st.Shared.Agreed = still
		if err := e.saveState(l.remote.Name, st); err != nil {
			return nil, err
		}
	}
	if err := e.agreeToShare(l, plan); err != nil {
		return nil, err
	}
	out.Shared = plan.outcome()
	return plan, nil
}

// planShare is prepareShare, once what the remote holds of records is taken over.
// A pull has done so itself; without one, it is looked at where what is known does
// not say what a push of records would be added to. Records that are refused stop
// no more than records.
func (e *Engine) planShare(ctx context.Context, l *remoteLock, m *gitremote.Mirror, out *Pushed) (*sharePlan, error) {
	if l.ledger != nil && l.last == nil && l.refused == nil {
		if err := e.lookAtRecords(ctx, l, m); err != nil {
			return nil, err
		}
	}
	if l.refused != nil {
		return nil, nil
	}
	return e.prepareShare(ctx, l, out)
}

func (e *Engine) lookAtRecords(ctx context.Context, l *remoteLock, m *gitremote.Mirror) error {
	st, err := e.stateOf(l.remote)
	if err != nil {
		return err
	}
	has, err := e.hasExchange(l.remote.Name)
	if err != nil {
		return err
	}
	_, seen, _ := l.ledger.Arrived()
	known := l.ledger.Head() != ""
	// An exchange that is lost held what may have to be taken back.
	if !seen && (len(st.Shared.Tried) > 0 || (st.Shared.Head != "") != known || known && !has) {
		if _, err := m.Fetch(ctx); err != nil {
			return err
		}
		seen = true
	}
	if !seen {
		return nil
	}
	var pulled Pulled
	if l.refused = e.pullShare(ctx, l, false, &st, &pulled); l.refused != nil {
		return nil
	}
	l.notes = append(l.notes, pulled.Notes...)
	return e.saveState(l.remote.Name, st)
}

// wait notes which rules nobody has confirmed for the remote.
func (p *sharePlan) wait(r Remote, st state) {
	p.waiting = p.rules.Unconfirmed(st.Shared.agreed(r), p.prefixes)
}

// unchanged reports that the remote has what rules and ledger still say. They
// were agreed to, unless that was withdrawn since.
func (e *Engine) unchanged(ctx context.Context, l *remoteLock, plan *sharePlan, st state) (same bool, err error) {
	if !plan.exists || st.Shared.Head == "" || st.Shared.Rules != plan.rules.Digest() || len(plan.rules) > 0 && st.Shared.At != l.remote.URL {
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
func (e *Engine) agreeToShare(l *remoteLock, plan *sharePlan) error {
	if len(plan.waiting) == 0 || e.opts.ConfirmShare == nil {
		return nil
	}
	p := e.sharePreview(plan)
	p.Remote, p.Address = l.remote, l.where()
	for _, r := range plan.waiting {
		p.Unconfirmed = append(p.Unconfirmed, r.Name)
	}
	switch err := e.opts.ConfirmShare(p); {
	case errors.Is(err, town.ErrRefused):
		return nil // it is told that they wait
	case err != nil:
		return err
	}
	plan.waiting = nil
	st, err := e.stateOf(l.remote)
	if err != nil {
		return err
	}
	st.Shared.Agreed, st.Shared.At = plan.rules.Agreed(plan.prefixes), l.remote.URL
	return e.saveState(l.remote.Name, st)
}
