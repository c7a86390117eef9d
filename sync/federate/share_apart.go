package federate

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"

	"gastown/planes/doltdb"
	"gastown/planes/exchange"
	"gastown/town"
)

// The exchange is one history, and a push to one remote brings along what was
// sent to another meanwhile. Rules are confirmed for each remote, so that may
// hold what was never agreed to for this one: records by a rule that was there
// for a while, or without a redaction. Every commit of records is noted with the
// rules it was made of, before it is sent; what was made by other rules than are
// agreed to now, or is not noted, is compared with what would be sent now, and
// what differs waits for a person, as the history does in a first push. So a
// note that is lost costs a question.

// former is a record of this Town as it was or is.
type former struct {
	id     string
	digest town.Digest
}

// accept notes that a person agreed to what was found.
func (p *sharePlan) accept() {
	if p.accepted == nil {
		p.accepted = map[former]bool{}
	}
	maps.Copy(p.accepted, p.found)
}

// weighElsewhere bars the plan if the history since the last exchange with the
// remote would bring it records of this Town as nobody agreed to send them there.
func (e *Engine) weighElsewhere(ctx context.Context, l *remoteLock, plan *sharePlan) error {
	tip, foreign := "", false
	err := e.withExchange(ctx, func(s *exchange.Store) (err error) {
		if tip, err = e.rewind(ctx, s, l); err == nil {
			foreign, err = e.madeElsewhere(ctx, s, l, plan)
		}
		return err
	})
	if errors.Is(err, errNoExchange) || errors.Is(err, errUnpublished) {
		return nil
	}
	if err != nil {
		return err
	}
	if !foreign {
		plan.weighed = tip
		return nil
	}
	if err := e.refill(ctx, plan); err != nil {
		return err
	}
	err = e.withExchange(ctx, func(s *exchange.Store) (err error) {
		if plan.weighed, err = s.Head(ctx); err == nil {
			plan.found, err = e.unagreed(ctx, s, l, plan)
		}
		return err
	})
	plan.past = len(plan.found)
	if plan.past > 0 {
		plan.waiting, plan.barred = plan.rules, true
	}
	return err
}

// foreseePast is weighing for a push that only tells what it would do: it leaves
// everything as it is.
func (e *Engine) foreseePast(ctx context.Context, l *remoteLock, plan *sharePlan) error {
	if !plan.exists {
		return nil
	}
	err := e.withExchange(ctx, func(s *exchange.Store) error {
		late, err := e.late(ctx, s, l, plan, "")
		if late {
			plan.waiting, plan.barred = plan.rules, true
		}
		return err
	})
	if errors.Is(err, errNoExchange) {
		return nil
	}
	return err
}

// late reports that the exchange holds what nobody agreed to send to the remote:
// it came after the plan was weighed at tip, perhaps while a person was asked. errMoved
// when the plan has to be filled to tell.
func (e *Engine) late(ctx context.Context, s *exchange.Store, l *remoteLock, plan *sharePlan, tip string) (bool, error) {
	if tip != "" && plan.weighed == tip {
		return false, nil
	}
	if foreign, err := e.madeElsewhere(ctx, s, l, plan); err != nil || !foreign {
		return false, err
	}
	if !plan.filled {
		return false, errMoved
	}
	found, err := e.unagreed(ctx, s, l, plan)
	plan.past = len(found)
	return len(found) > 0, err
}

// madeElsewhere reports that the exchange holds changes of this Town's records,
// not made of the rules that are agreed to for this remote, which it does not have.
func (e *Engine) madeElsewhere(ctx context.Context, s *exchange.Store, l *remoteLock, plan *sharePlan) (bool, error) {
	st, err := e.stateOf(l.remote)
	if err != nil {
		return false, err
	}
	entries, err := os.ReadDir(e.opts.Layout.Remote(""))
	if err != nil {
		return false, err
	}
	others := held(l, st) == ""
	var same []string
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		other, err := e.loadState(entry.Name())
		if err != nil {
			return false, err
		}
		if entry.Name() != l.remote.Name && (other.damaged || other.Shared.Head != "" || len(other.Shared.Made) > 0) {
			others = true
		}
		if len(plan.waiting) == 0 {
			same = append(same, other.Shared.Made[plan.rules.Digest()]...)
		}
	}
	if !others {
		return false, nil // it was all made for this one
	}
	changed, err := s.Changed(ctx, held(l, st))
	return slices.ContainsFunc(changed, func(c string) bool { return !slices.Contains(same, c) }), err
}

// held is the exchange's commit that the remote holds; "" when it has none. Who
// has not opened its mirror goes by what is noted.
func held(l *remoteLock, st state) string {
	if l.ledger != nil && l.ledger.Head() == "" {
		return ""
	}
	return st.Shared.Held
}

// unagreed are records of this Town, as they were or are, that the remote does
// not have, would get, would not be sent now, and nobody agreed to.
func (e *Engine) unagreed(ctx context.Context, s *exchange.Store, l *remoteLock, plan *sharePlan) (map[former]bool, error) {
	st, err := e.stateOf(l.remote)
	if err != nil {
		return nil, err
	}
	there := map[string]town.Digest{}
	since := held(l, st)
	if since != "" {
		if there, err = s.Own(ctx, since); err != nil {
			return nil, err
		}
	}
	own, err := s.Own(ctx, "")
	if err != nil {
		return nil, err
	}
	found := map[former]bool{}
	count := func(id string, digest town.Digest) {
		f := former{id, digest}
		if sel, ok := plan.records[id]; (!ok || sel.Record.Digest(e.opts.ID) != digest) && (there[id] != digest || digest == "") && !plan.accepted[f] {
			found[f] = true
		}
	}
	for id, digest := range own {
		count(id, digest)
	}
	err = s.Former(ctx, since, func(id string, digest town.Digest) error {
		count(id, digest)
		return nil
	})
	return found, err
}

// includes reports that commit is of the history of tip. One of a history that
// is no longer here is not.
func includes(ctx context.Context, tx *doltdb.Tx, tip, commit string) bool {
	base, err := tx.MergeBase(ctx, commit, tip)
	return err == nil && base == commit
}

// maxMade is how many commits are noted for each set of rules; who has more that
// a remote did not get is asked.
const maxMade = 200

// noteMade notes before anything is sent that commit changes records by these rules.
func (e *Engine) noteMade(l *remoteLock, rules town.Digest, commit string) error {
	st, err := e.stateOf(l.remote)
	if err != nil {
		return err
	}
	if st.Shared.Made == nil {
		st.Shared.Made = map[town.Digest][]string{}
	}
	made := append(st.Shared.Made[rules], commit)
	st.Shared.Made[rules] = made[max(0, len(made)-maxMade):]
	return e.saveState(l.remote.Name, st)
}
