package federate

import (
	"context"

	"gastown/planes/exchange"
)

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
		err := e.withExchange(ctx, l.remote.Name, func(s *exchange.Store) error {
			head, err := s.Head(ctx)
			if err != nil {
				return err
			}
			return e.noteCommit(l, head)
		})
		if err != nil {
			return err
		}
		return e.refill(ctx, plan)
	}
	if err := e.refill(ctx, plan); err != nil || len(plan.records) == 0 {
		return err // nothing leaves, not even an empty database
	}
	head, err := e.makeExchange(ctx, l.remote.Name)
	if err != nil {
		return err
	}
	plan.exists = true
	// There is nothing of anybody in that commit yet.
	return e.noteCommit(l, head)
}

// noteCommit notes a commit of the exchange that rewind may go back to.
func (e *Engine) noteCommit(l *remoteLock, commit string) error {
	st, err := e.stateOf(l.remote)
	if err != nil {
		return err
	}
	st.Shared.Commit, st.Shared.Rules, st.Shared.Ledger = commit, "", ""
	st.Shared.From, st.Shared.Store = l.remote.URL, e.exchangeUUID()
	return e.saveState(l.remote.Name, st)
}

// maxTried is how many commits are noted that a remote may have got without an
// answer; each was a push that failed, and none is there for long.
const maxTried = 50

// noteTried notes before anything is sent that a push is to send commit.
func (e *Engine) noteTried(l *remoteLock, commit string) error {
	st, err := e.stateOf(l.remote)
	if err != nil {
		return err
	}
	tried := append(st.Shared.Tried, commit)
	st.Shared.Tried = tried[max(0, len(tried)-maxTried):]
	return e.saveState(l.remote.Name, st)
}
