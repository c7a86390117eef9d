package federate

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gastown/planes/doltdb"
	"gastown/planes/exchange"
	"gastown/sync/gitremote"
	"gastown/town"
)

// pullShare brings in the records that arrived with the last fetch. Rows of this
// Town that somebody else changed are put back, and told.
func (e *Engine) pullShare(ctx context.Context, l *remoteLock, dry bool, st *state, out *Pulled) error {
	if l.ledger == nil {
		return nil
	}
	got, seen, err := l.ledger.Arrived()
	switch {
	case errors.Is(err, gitremote.ErrGone) && !dry:
		return e.shareGone(ctx, l, st, out)
	case err != nil:
		return fmt.Errorf("shared records of %s: %w", l.remote.Name, err)
	case !seen || got.Empty:
		return nil
	}
	var arrival exchange.Arrival
	tip, held := st.Shared.Commit, st.Shared.Held
	err = e.withExchange(ctx, func(s *exchange.Store) error {
		if st.Shared.Head == got.Head && e.contains(ctx, s, st.Shared.Held) {
			return nil
		}
		var before string
		if arrival, before, held, err = e.mergeShare(ctx, s, l, dry); err != nil || dry {
			return err
		}
		if before != tip {
			// What of this Town is there is found out at the next push.
			st.Shared.Rules, st.Shared.Ledger = "", ""
		}
		tip, err = s.Head(ctx)
		return err
	})
	if (errors.Is(err, errNoExchange) || errors.Is(err, errOtherHistory)) && !dry {
		if errors.Is(err, errOtherHistory) {
			if err := e.mayReplace(l); err != nil {
				return err
			}
		}
		kept, err := e.copyExchange(ctx, l)
		if err != nil {
			return fmt.Errorf("shared records of %s: %w", l.remote.Name, err)
		}
		if kept != "" {
			out.Notes = append(out.Notes, "another Town began sharing records first; what was begun here is kept in "+kept)
		}
		// What of this Town is there is found out at the next push.
		st.Shared.Rules, st.Shared.Ledger = "", ""
		err = e.withExchange(ctx, func(s *exchange.Store) error {
			towns, err := s.Towns(ctx)
			for _, m := range towns {
				if m.ID != e.opts.ID {
					arrival.Records += m.Records
				}
			}
			if err == nil {
				tip, err = s.Head(ctx)
				held = tip
			}
			return err
		})
		if err != nil {
			return err
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
		st.Shared.Head, st.Shared.Commit, st.Shared.Held, st.Shared.From = got.Head, tip, held, l.remote.URL
	}
	return nil
}

// contains reports that the exchange has a commit that a remote holds. A push to
// another remote at the same time may have taken it back as unpublished.
func (e *Engine) contains(ctx context.Context, s *exchange.Store, commit string) (found bool) {
	tip, err := s.Head(ctx)
	if err == nil {
		err = s.View(ctx, func(tx *doltdb.Tx) error {
			found = includes(ctx, tx, tip, commit)
			return nil
		})
	}
	return err == nil && found
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

// mergeShare merges the mirror's tip, theirs, into the exchange, whose own was
// ours.
func (e *Engine) mergeShare(ctx context.Context, s *exchange.Store, l *remoteLock, dry bool) (a exchange.Arrival, ours, theirs string, err error) {
	defer e.step("merge records")()
	name := l.remote.Name
	theirs, err = s.Fetch(ctx, name, l.ledger.Dir())
	if err != nil {
		return a, "", "", err
	}
	if dry {
		ours, err = s.Head(ctx)
	} else {
		ours, err = e.settle(ctx, s, l, theirs)
	}
	if err != nil {
		return a, "", "", err
	}
	var base string
	err = s.View(ctx, func(tx *doltdb.Tx) error {
		base, err = tx.MergeBase(ctx, ours, theirs)
		return err
	})
	switch {
	case err != nil || base == theirs:
		return a, ours, theirs, err
	case base == "":
		if _, err := s.CheckIncoming(ctx, name, e.exchangeUUID(), "", theirs); err != nil {
			return a, ours, theirs, errors.Join(err, s.Forget(ctx, name))
		}
		return a, ours, theirs, errOtherHistory
	}
	if a, err = s.CheckIncoming(ctx, name, e.exchangeUUID(), base, theirs); err != nil {
		return a, ours, theirs, errors.Join(err, s.Forget(ctx, name))
	}
	if dry {
		return a, ours, theirs, nil
	}
	_, err = s.Merge(ctx, base, ours, theirs, "merge "+name)
	return a, ours, theirs, err
}

// mayReplace refuses to give up an exchange that another remote shares.
func (e *Engine) mayReplace(l *remoteLock) error {
	if other, err := e.elsewhere(l.remote.Name); err != nil || !other {
		return err
	}
	return town.Fail("take the records shared at "+l.remote.Name, "share records through one of the two remotes only",
		"%w: %w, and another remote has this one's", town.ErrRefused, errOtherHistory)
}

// shareGone is what follows when somebody removed the ref from the repository:
// what is here is not sent there again unseen.
func (e *Engine) shareGone(ctx context.Context, l *remoteLock, st *state, out *Pulled) error {
	if err := l.ledger.Forget(); err != nil {
		return err
	}
	// The history that stays, for another remote, was made of the same rules.
	st.Shared = shared{Made: st.Shared.Made}
	note := "somebody removed the shared records from " + l.remote.Name + "; the next push asks before it shares again"
	if other, err := e.elsewhere(l.remote.Name); err != nil {
		return err
	} else if !other {
		// A new beginning: what was removed there does not come back with the history.
		kept, err := e.retireExchange(ctx)
		if err != nil {
			return err
		}
		if kept != "" {
			note += " (what was here is kept in " + kept + ")"
		}
	}
	out.Notes = append(out.Notes, note)
	out.UpToDate = false
	return nil
}
