package records

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"gastown/planes/doltdb"
	"gastown/planes/exchange"
	"gastown/sync/gitremote"
	"gastown/town"
)

// Pulled is the outcome of Pull.
type Pulled struct {
	// Looked: a fetch has looked at the records of the remote.
	Looked bool
	// Records counts records of other Towns that arrived or went.
	Records int
	// Changed says that the records here have changed.
	Changed bool
	// Notes tell people what became of this Town's own records.
	Notes []string
}

// errOtherHistory: the remote's exchange and this Town's have no commit in common.
var errOtherHistory = errors.New("the shared records there have another history")

// Pull merges the records that arrived with the last fetch. Rows of this Town
// that another Town changed are put back, and a note says so. With dry set it
// only says what there is. The caller saves the state, also after an error; the
// Pulled is valid beside an error too.
func (s *Session) Pull(ctx context.Context, dry bool) (out Pulled, err error) {
	st := s.state()
	got, seen, err := s.mirror.Arrived()
	out.Looked = seen
	switch {
	case !dry && (errors.Is(err, gitremote.ErrGone) || err == nil && got.Empty && st.Head != ""):
		return out, s.refGone(ctx, &out)
	case err != nil:
		return out, s.failed(err)
	case !seen || got.Empty:
		return out, nil
	}
	older := false
	if st.Head == got.Head {
		held, err := s.holds(ctx)
		if err != nil || held {
			return out, err
		}
		if older, err = s.has(s.link.Remote.Name); err != nil {
			return out, err
		}
	}
	if !got.Changed {
		// The mirror may be ahead, by what a push staged and did not publish.
		if err := s.Reset(ctx); err != nil {
			return out, err
		}
	}
	err = s.bring(ctx, got.Head, older, dry, &out)
	return out, err
}

// CatchUp merges into an exchange that is older than what was exchanged what the
// mirror holds. It contacts nobody, and does nothing for an exchange that is not older,
// or where the mirror is older too. The caller saves the state, also after an error.
func (s *Session) CatchUp(ctx context.Context) (out Pulled, err error) {
	older, err := s.Older(ctx, s.link.Remote, *s.state())
	if err != nil || !older || s.Head() == "" || s.Head() != s.state().Head {
		return out, err
	}
	if err := s.Reset(ctx); err != nil {
		return out, err
	}
	err = s.bring(ctx, s.Head(), true, false, &out)
	return out, err
}

// bring merges what the mirror holds, which is the remote's commit head. older says
// that the exchange lacks what was exchanged.
func (s *Session) bring(ctx context.Context, head string, older, dry bool, out *Pulled) error {
	st := s.state()
	arrival, tip, err := s.merge(ctx, dry)
	copied := !dry && (errors.Is(err, errNoExchange) || errors.Is(err, errOtherHistory))
	if copied {
		arrival.Records, tip, err = s.takeCopy(ctx, out, errors.Is(err, errOtherHistory))
	}
	if err != nil && !errors.Is(err, errNoExchange) {
		return s.failed(err)
	}
	if older && !dry {
		out.Notes = append(out.Notes, "the records exchanged with "+s.link.Remote.Name+" were older than what was exchanged; they were brought back")
	}
	out.Records = arrival.Records
	out.Changed = arrival.Names || arrival.Records+arrival.OursTotal+arrival.RefusedTotal+len(arrival.Mine) > 0
	out.Notes = append(out.Notes, refusedNotes(arrival)...)
	if arrival.OursTotal > 0 {
		out.Notes = append(out.Notes, putBack(arrival))
	}
	if dry {
		return nil
	}
	st.confirmed(head, tip, s.link.Remote, s.uuid())
	st.Exchange = s.sign()
	if older || copied || len(arrival.Mine) > 0 {
		st.madeFromUnknown()
		err = s.adoptPublished(ctx)
		out.Notes = append(out.Notes, s.TakeNotes()...)
		if err != nil {
			return s.failed(err)
		}
	}
	return nil
}

func (s *Session) failed(err error) error {
	return fmt.Errorf("shared records of %s: %w", s.link.Remote.Name, err)
}

// merge merges the mirror's tip into the exchange. In a dry run it only checks
// what arrived.
func (s *Session) merge(ctx context.Context, dry bool) (arrival exchange.Arrival, tip string, err error) {
	st := s.state()
	tip = st.Commit
	owner := s.opts.Town.ID
	if has, err := s.has(s.link.Remote.Name); err != nil || !has {
		return arrival, tip, cmp.Or(err, errNoExchange)
	}
	if speaks, err := s.link.Speaks(ctx); err != nil {
		return arrival, tip, err
	} else if !speaks {
		owner = ""
	}
	err = s.withSigned(ctx, owner, func(x *exchange.Store) error {
		var before string
		if arrival, before, err = s.mergeInto(ctx, x, dry); err != nil || dry {
			return err
		}
		if before != tip {
			st.madeFromUnknown()
		}
		if tip, err = x.Head(ctx); err == nil {
			_, err = x.MaybeGC(ctx)
		}
		return err
	})
	return arrival, tip, err
}

// mergeInto merges the mirror's tip into an open exchange, whose tip was ours.
func (s *Session) mergeInto(ctx context.Context, x *exchange.Store, dry bool) (a exchange.Arrival, ours string, err error) {
	defer s.opts.Step("merge records")()
	name := s.link.Remote.Name
	theirs, err := x.Fetch(ctx, name, s.mirror.Dir())
	if err != nil {
		return a, "", err
	}
	if dry {
		ours, err = x.Head(ctx)
	} else {
		ours, err = s.settle(ctx, x, theirs)
	}
	if err != nil {
		return a, "", err
	}
	var base string
	err = x.Revisions(ctx, func(r doltdb.Revisions) error {
		base, err = r.MergeBase(ctx, ours, theirs)
		return err
	})
	switch {
	case err != nil || base == theirs:
		return a, ours, err
	case base == "":
		if _, err := x.CheckIncoming(ctx, name, s.uuid(), "", theirs); err != nil {
			return a, ours, errors.Join(err, x.Forget(ctx, name))
		}
		return a, ours, errOtherHistory
	}
	if a, err = x.CheckIncoming(ctx, name, s.uuid(), base, theirs); err != nil {
		return a, ours, errors.Join(err, x.Forget(ctx, name))
	}
	if dry {
		return a, ours, nil
	}
	_, err = x.Merge(ctx, base, ours, theirs, "merge "+name, a)
	return a, ours, err
}

// takeCopy makes the exchange a copy of what the remote holds, where there is
// none yet or one with another history (other): another Town began first, or
// somebody emptied the repository and began again.
func (s *Session) takeCopy(ctx context.Context, out *Pulled, other bool) (records int, tip string, err error) {
	st := s.state()
	restarted := other && st.Head != ""
	st.madeFromUnknown()
	if restarted {
		// As when the ref is gone: what was shared is not shared again unseen. This
		// is saved first, in case the process is killed after the copy.
		st.Withdraw()
		if err := s.link.Save(); err != nil {
			return 0, "", err
		}
	}
	retired, err := s.copyMirror(ctx)
	if err != nil {
		return 0, "", err
	}
	switch {
	case restarted:
		out.Notes = append(out.Notes, "somebody began the shared records of "+s.link.Remote.Name+
			" anew; the next push asks before it shares again (what was here is kept in "+retired+")")
	case other:
		out.Notes = append(out.Notes, "another Town began sharing records first; what was begun here is kept in "+retired)
	}
	err = s.with(ctx, s.link.Remote.Name, func(x *exchange.Store) error {
		if records, err = x.Others(ctx); err == nil {
			tip, err = x.Head(ctx)
		}
		return err
	})
	return records, tip, err
}

// refGone handles a ref that somebody removed from the repository. The records here
// are not sent there again without a preview.
func (s *Session) refGone(ctx context.Context, out *Pulled) error {
	if err := s.mirror.Forget(); err != nil {
		return err
	}
	*s.state() = State{}
	// A new exchange, so that what was removed there does not come back with the
	// history.
	retired, err := s.retire(ctx, s.link.Remote.Name)
	if err != nil {
		return err
	}
	note := "somebody removed the shared records from " + s.link.Remote.Name + "; the next push asks before it shares again"
	if retired != "" {
		note += " (what was here is kept in " + retired + ")"
	}
	out.Notes = append(out.Notes, note)
	out.Changed = true
	return nil
}

// refusedNotes tell which rows of other Towns were not taken, and why.
func refusedNotes(a exchange.Arrival) (notes []string) {
	for _, r := range a.Refused {
		notes = append(notes, NotTaken(r.Row, r.Town, r.Reason))
	}
	if more := a.RefusedTotal - len(a.Refused); more > 0 {
		notes = append(notes, fmt.Sprintf("and %d more rows of shared records were not taken", more))
	}
	return notes
}

// NotTaken tells people of a row that arrived and was not taken. id is the Town that it names;
// "" for none.
func NotTaken(row string, id town.ID, reason string) string {
	note := town.Visible(row) + " was not taken: " + reason
	if id != "" {
		note += " (it names Town " + town.Clip(string(id), 8) + ")"
	}
	return note
}

func putBack(a exchange.Arrival) string {
	names := strings.Join(a.Ours, ", ")
	if a.OursTotal > len(a.Ours) {
		names += ", ..."
	}
	return fmt.Sprintf("somebody else changed %d shared record(s) of this Town (%s); they are put back", a.OursTotal, names)
}
