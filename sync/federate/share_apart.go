package federate

import (
	"context"
	"errors"
	"os"

	"gastown/planes/doltdb"
	"gastown/planes/exchange"
	"gastown/town"
)

// The exchange is one history, and a push to one remote brings along what was
// sent to another meanwhile. Rules are confirmed for each remote, so that may
// hold what was never agreed to for this one: records by a rule that was there
// for a while, or without a redaction. Every set of rules that records were made
// of is noted with the remote; what was made by another set than is agreed to now
// waits for a person, as the history does in a first push.

// weighElsewhere bars the plan if the history since the last exchange with the
// remote would bring it records of this Town as nobody agreed to send them there.
func (e *Engine) weighElsewhere(ctx context.Context, l *remoteLock, plan *sharePlan) error {
	tip, foreign := "", false
	err := e.withExchange(ctx, func(s *exchange.Store) (err error) {
		if tip, err = e.rewind(ctx, s, l); err == nil {
			foreign, err = e.madeElsewhere(ctx, s, l, plan, tip)
		}
		return err
	})
	if errors.Is(err, errNoExchange) || errors.Is(err, errUnpublished) || err == nil && !foreign {
		return nil
	}
	if err == nil {
		err = e.refill(ctx, plan)
	}
	if err != nil {
		return err
	}
	past := 0
	err = e.withExchange(ctx, func(s *exchange.Store) error {
		past, err = e.unagreed(ctx, s, l, plan)
		return err
	})
	if err != nil {
		return err
	}
	plan.weighed = tip
	if past > 0 && !plan.allowed {
		plan.past, plan.waiting, plan.barred, plan.weighed = past, plan.rules, true, ""
	}
	return nil
}

// madeElsewhere reports that the exchange up to tip holds records made for
// another remote by other rules than are agreed to for this one, which this one
// does not have yet.
func (e *Engine) madeElsewhere(ctx context.Context, s *exchange.Store, l *remoteLock, plan *sharePlan, tip string) (found bool, err error) {
	if l.ledger.Head() == "" {
		return false, nil // weighPast looks at all there is
	}
	st, err := e.loadState(l.remote.Name)
	if err != nil {
		return false, err
	}
	entries, err := os.ReadDir(e.opts.Layout.Remote(""))
	if err != nil {
		return false, err
	}
	var commits []string
	for _, entry := range entries {
		if !entry.IsDir() || entry.Name() == l.remote.Name {
			continue
		}
		other, err := e.loadState(entry.Name())
		if err != nil {
			return false, err
		}
		for rules, made := range other.Shared.Made {
			if len(plan.waiting) > 0 || rules != plan.rules.Digest() {
				commits = append(commits, made...)
			}
		}
	}
	err = s.View(ctx, func(tx *doltdb.Tx) error {
		found = false
		for _, c := range commits {
			if includes(ctx, tx, tip, c) && (st.Shared.Held == "" || !includes(ctx, tx, st.Shared.Held, c)) {
				found = true
			}
		}
		return ctx.Err()
	})
	return found, err
}

// includes reports that commit is of the history of tip. One of a history that
// is no longer here is not.
func includes(ctx context.Context, tx *doltdb.Tx, tip, commit string) bool {
	base, err := tx.MergeBase(ctx, commit, tip)
	return err == nil && base == commit
}

// unagreed counts records of this Town, as they were or are, that the remote does
// not have, would get, and would not be sent now.
func (e *Engine) unagreed(ctx context.Context, s *exchange.Store, l *remoteLock, plan *sharePlan) (n int, err error) {
	st, err := e.loadState(l.remote.Name)
	if err != nil {
		return 0, err
	}
	held := map[string]town.Digest{}
	if st.Shared.Held != "" {
		if held, err = s.Own(ctx, st.Shared.Held); err != nil {
			return 0, err
		}
	}
	own, err := s.Own(ctx, "")
	if err != nil {
		return 0, err
	}
	count := func(id string, digest town.Digest) {
		if sel, ok := plan.records[id]; (!ok || sel.Record.Digest(e.opts.ID) != digest) && (held[id] != digest || digest == "") {
			n++
		}
	}
	for id, digest := range own {
		count(id, digest)
	}
	err = s.Former(ctx, st.Shared.Held, func(id string, digest town.Digest) error {
		if own[id] != digest {
			count(id, digest)
		}
		return nil
	})
	return n, err
}

// noteMade notes before anything is sent that commit, on top of tip, holds
// records made of these rules. An earlier note of a commit that was never sent is
// forgotten: rewind has taken that one out of the history.
func (e *Engine) noteMade(ctx context.Context, s *exchange.Store, l *remoteLock, rules town.Digest, tip, commit string) error {
	st, err := e.loadState(l.remote.Name)
	if err != nil {
		return err
	}
	var made []string
	err = s.View(ctx, func(tx *doltdb.Tx) error {
		made = nil
		for _, c := range st.Shared.Made[rules] {
			if includes(ctx, tx, tip, c) {
				made = []string{c} // with all before it
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	if st.Shared.Made == nil {
		st.Shared.Made = map[town.Digest][]string{}
	}
	st.Shared.Made[rules] = append(made, commit)
	return e.saveState(l.remote.Name, st)
}
