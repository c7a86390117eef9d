package federate

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gastown/planes/doltdb"
	"gastown/planes/exchange"
	"gastown/sync/gitremote"
)

// pullShare brings in the records that arrived with the last fetch. Rows of this
// Town that somebody else changed are put back, and told.
func (e *Engine) pullShare(ctx context.Context, l *remoteLock, dry bool, st *state, out *Pulled) error {
	if l.ledger == nil {
		return nil
	}
	got, seen, err := l.ledger.Arrived()
	switch {
	case errors.Is(err, gitremote.ErrGone) && !dry, err == nil && got.Empty && st.Shared.Head != "" && !dry:
		return e.shareGone(ctx, l, st, out)
	case err != nil:
		return fmt.Errorf("shared records of %s: %w", l.remote.Name, err)
	case !seen || got.Empty:
		return nil
	}
	if has, err := e.hasExchange(l.remote.Name); err != nil || has && st.Shared.Head == got.Head {
		return err
	}
	if !got.Changed {
		// The mirror may be ahead, by what a push staged and did not publish.
		if err := l.ledger.Reset(ctx); err != nil {
			return err
		}
	}
	var arrival exchange.Arrival
	tip := st.Shared.Commit
	err = e.withExchange(ctx, l.remote.Name, func(s *exchange.Store) error {
		var before string
		if arrival, before, err = e.mergeShare(ctx, s, l, dry); err != nil || dry {
			return err
		}
		if before != tip {
			// What of this Town is there is found out at the next push.
			st.Shared.Rules, st.Shared.Ledger = "", ""
		}
		if tip, err = s.Head(ctx); err == nil {
			_, err = s.MaybeGC(ctx)
		}
		return err
	})
	if (errors.Is(err, errNoExchange) || errors.Is(err, errOtherHistory)) && !dry {
		if arrival.Records, tip, err = e.takeCopy(ctx, l, st, out, errors.Is(err, errOtherHistory)); err != nil {
			return fmt.Errorf("shared records of %s: %w", l.remote.Name, err)
		}
	} else if err != nil && !errors.Is(err, errNoExchange) {
		return fmt.Errorf("shared records of %s: %w", l.remote.Name, err)
	}
	out.Records += arrival.Records
	out.UpToDate = out.UpToDate && arrival.Records+arrival.OursTotal == 0
	if arrival.OursTotal > 0 {
		out.Notes = append(out.Notes, putBack(arrival))
	}
	if !dry {
		st.Shared.Head, st.Shared.Commit, st.Shared.Tried = got.Head, tip, nil
		st.Shared.From, st.Shared.Store = l.remote.URL, e.exchangeUUID()
	}
	return nil
}

// takeCopy makes the exchange what the remote holds, where there is none yet or
// one of other history: another Town began first, or somebody began anew.
func (e *Engine) takeCopy(ctx context.Context, l *remoteLock, st *state, out *Pulled, other bool) (records int, tip string, err error) {
	anew := other && st.Shared.Head != ""
	// What of this Town is there is found out at the next push.
	st.Shared.Rules, st.Shared.Ledger = "", ""
	if anew {
		// Like a ref that is gone: what was shared is not shared anew unseen. That is
		// noted first, for who is killed in between.
		st.Shared.Agreed, st.Shared.At = nil, ""
		if err := e.saveState(l.remote.Name, *st); err != nil {
			return 0, "", err
		}
	}
	kept, err := e.copyExchange(ctx, l)
	if err != nil {
		return 0, "", err
	}
	switch {
	case anew:
		out.Notes = append(out.Notes, "somebody began the shared records of "+l.remote.Name+
			" anew; the next push asks before it shares again (what was here is kept in "+kept+")")
	case other:
		out.Notes = append(out.Notes, "another Town began sharing records first; what was begun here is kept in "+kept)
	}
	err = e.withExchange(ctx, l.remote.Name, func(s *exchange.Store) error {
		if records, err = s.Others(ctx); err == nil {
			tip, err = s.Head(ctx)
		}
		return err
	})
	return records, tip, err
}

func putBack(a exchange.Arrival) string {
	names := strings.Join(a.Ours, ", ")
	if a.OursTotal > len(a.Ours) {
		names += ", ..."
	}
	return fmt.Sprintf("somebody else changed %d shared record(s) of this Town (%s); they are put back", a.OursTotal, names)
}

// errOtherHistory: the remote's exchange and this Town's have nothing in common.
var errOtherHistory = errors.New("the shared records there have another history")

// mergeShare merges the mirror's tip into the exchange, whose own was ours.
func (e *Engine) mergeShare(ctx context.Context, s *exchange.Store, l *remoteLock, dry bool) (a exchange.Arrival, ours string, err error) {
	defer e.step("merge records")()
	name := l.remote.Name
	theirs, err := s.Fetch(ctx, name, l.ledger.Dir())
	if err != nil {
		return a, "", err
	}
	if dry {
		ours, err = s.Head(ctx)
	} else {
		ours, err = e.settle(ctx, s, l, theirs)
	}
	if err != nil {
		return a, "", err
	}
	var base string
	err = s.Revisions(ctx, func(r doltdb.Revisions) error {
		base, err = r.MergeBase(ctx, ours, theirs)
		return err
	})
	switch {
	case err != nil || base == theirs:
		return a, ours, err
	case base == "":
		if _, err := s.CheckIncoming(ctx, name, e.exchangeUUID(), "", theirs); err != nil {
			return a, ours, errors.Join(err, s.Forget(ctx, name))
		}
		return a, ours, errOtherHistory
	}
	if a, err = s.CheckIncoming(ctx, name, e.exchangeUUID(), base, theirs); err != nil {
		return a, ours, errors.Join(err, s.Forget(ctx, name))
	}
	if dry {
		return a, ours, nil
	}
	_, err = s.Merge(ctx, base, ours, theirs, "merge "+name, a)
	return a, ours, err
}

// shareGone is what follows when somebody removed the ref from the repository:
// what is here is not sent there again unseen.
func (e *Engine) shareGone(ctx context.Context, l *remoteLock, st *state, out *Pulled) error {
	if err := l.ledger.Forget(); err != nil {
		return err
	}
	st.Shared = shared{}
	// A new beginning: what was removed there does not come back with the history.
	kept, err := e.retireExchange(ctx, l.remote.Name)
	if err != nil {
		return err
	}
	note := "somebody removed the shared records from " + l.remote.Name + "; the next push asks before it shares again"
	if kept != "" {
		note += " (what was here is kept in " + kept + ")"
	}
	out.Notes = append(out.Notes, note)
	out.UpToDate = false
	return nil
}
