package mail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/group"
)

const (
	// handTime is how long handing one text over may take. It is shorter than
	// typingTime, with time to write the row.
	handTime = time.Minute
	// atOnce is how many sessions are typed into at the same time.
	atOnce = 4
	// recordTries is how often the result of typing is written, recordPause apart.
	recordTries = 5
	recordPause = 200 * time.Millisecond
)

// Handed is what became of a text that was handed to a session.
type Handed struct {
	// State is NudgeConfirmed, NudgePasted, NudgeQueued or NudgeRefused. In the last
	// two nothing was typed.
	State operational.NudgeState
	// Why explains every state but NudgeConfirmed.
	Why string
}

// Sessions are the sessions of the Town's agents.
type Sessions interface {
	// Running returns the agents that have a session, with its run.
	Running(ctx context.Context) (map[town.Address]town.Run, error)
	// HandOver types a text into the session of an agent, if it has this run. Run 0
	// is whichever it has. After an error nothing was typed.
	HandOver(ctx context.Context, agent town.Address, run town.Run, text string) (Handed, error)
}

// Deliverer types nudges, and tells agents of mail. It holds nothing between passes.
type Deliverer struct {
	// Operational and Ledger call fn with the open plane. Without Ledger nobody is
	// told of mail.
	Operational operational.Access
	Ledger      ledger.Access
	Sessions    Sessions
	// Now is the clock.
	Now func() time.Time
}

// Report is what a pass did.
type Report struct {
	// Done counts what was done, by state of the nudge. Told counts notices.
	Done map[operational.NudgeState]int
	Told int
	// Delays are, for each notice, how long before it the newest message was sent. Longer
	// ones than an hour are left out: that message waited for a session, not for the notice.
	Delays []time.Duration
	// Waiting is how many nudges are queued or being typed, Oldest since when the
	// oldest of them waits. Reachable is how many of them are for a session that is
	// there.
	Waiting, Reachable int
	Oldest             time.Time
	// Unread is how many messages are unread, in all mailboxes of agents.
	Unread int
	// Spoilt says what is wrong with rows that could not be used.
	Spoilt []string
}

// Look reads what Plan decides by.
func (d *Deliverer) Look(ctx context.Context) (s Snapshot, err error) {
	s.Now = d.Now()
	err = d.Operational(ctx, func(o *operational.Store) error {
		s.Board, err = o.NudgeBoard(ctx)
		return err
	})
	if err == nil && d.Ledger != nil {
		err = d.Ledger(ctx, func(l *ledger.Store) error {
			s.Unread, err = l.AllUnread(ctx)
			return err
		})
		s.UnreadKnown = err == nil
	}
	if err == nil && len(s.Board.Open)+len(s.Unread) > 0 {
		s.Sessions, err = d.Sessions.Running(ctx)
	}
	return s, err
}

// Pass looks once and does what is to be done. Given agents, it does so for those only.
func (d *Deliverer) Pass(ctx context.Context, agents ...town.Address) (r Report, err error) {
	s, err := d.Look(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("look at the nudges and the mail: %w", err)
	}
	return d.carryOut(ctx, s, slices.DeleteFunc(Plan(s), func(a Action) bool {
		return len(agents) > 0 && !slices.Contains(agents, a.Nudge.Agent)
	}))
}

// carryOut does what was planned.
func (d *Deliverer) carryOut(ctx context.Context, s Snapshot, actions []Action) (Report, error) {
	r := report(s)
	type did struct {
		state operational.NudgeState
		told  bool
		err   error
	}
	results := make([]did, len(actions))
	g := group.New()
	g.SetLimit(atOnce)
	for i, a := range actions {
		g.Go(func() error {
			one := &results[i]
			if a.Do == Tell {
				one.told, one.err = d.tell(ctx, a)
			} else {
				one.state, one.err = d.do(ctx, a)
			}
			return nil
		})
	}
	errs := []error{g.Wait()}
	for i, one := range results {
		errs = append(errs, one.err)
		if one.told {
			r.Told++
			if delay := d.Now().Sub(actions[i].Newest); delay >= 0 && delay < time.Hour {
				r.Delays = append(r.Delays, delay)
			}
		}
		if one.state != "" {
			r.Done[one.state]++
		}
		if one.state != "" && !one.state.Open() {
			r.Waiting--
			if s.reaches(actions[i].Nudge) {
				r.Reachable--
			}
		}
	}
	return r, errors.Join(errs...)
}

func report(s Snapshot) Report {
	r := Report{Done: map[operational.NudgeState]int{}, Waiting: len(s.Board.Open), Spoilt: s.Board.Spoilt}
	for _, n := range s.Board.Open {
		if r.Oldest.IsZero() || n.At.Before(r.Oldest) {
			r.Oldest = n.At
		}
		if s.reaches(n) {
			r.Reachable++
		}
	}
	for _, w := range s.Unread {
		if w.Recipient != Human {
			r.Unread += w.Unread
		}
	}
	return r
}

// reaches reports whether the session that a nudge is for is there.
func (s Snapshot) reaches(n operational.Nudge) bool {
	run, running := s.Sessions[n.Agent]
	return running && run >= n.Run
}

// tell stores a notice of mail.
func (d *Deliverer) tell(ctx context.Context, a Action) (told bool, err error) {
	err = d.Operational(ctx, func(o *operational.Store) error {
		told, err = o.Notice(ctx, a.Nudge, a.Newest, noticePause, d.Now())
		return err
	})
	return told, err
}

// ends are the states in which actions leave a nudge that they do not type.
var ends = map[Do]operational.NudgeState{
	Expire: operational.NudgeExpired, GiveUp: operational.NudgeRefused, Forget: operational.NudgeUnknown,
}

// do carries out an action on a nudge. It returns the state it brought the nudge into;
// "" when the nudge is not any more as it was planned from.
func (d *Deliverer) do(ctx context.Context, a Action) (operational.NudgeState, error) {
	move := operational.NudgeMove{ID: a.Nudge.ID, From: a.Nudge.State, Tries: a.Nudge.Tries, To: ends[a.Do], Result: a.Why}
	if a.Do == Type {
		move.To, move.Result = operational.NudgeTyping, a.Nudge.Result
	}
	moved, err := d.move(ctx, move)
	if err != nil || !moved {
		return "", err
	}
	if a.Do != Type {
		return move.To, nil
	}
	// From here on the row says that somebody types. A caller who gives up now must
	// not leave it so.
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), handTime)
	defer cancel()
	handed, err := d.Sessions.HandOver(within, a.Nudge.Agent, a.Nudge.Run, Spoken(a.Nudge))
	if err != nil {
		handed = Handed{State: operational.NudgeQueued, Why: town.Plain(err.Error())}
	}
	return handed.State, d.record(context.WithoutCancel(ctx), a.Nudge, handed)
}

// record writes what became of a nudge that is being typed. Another deliverer may have
// given it up meanwhile.
func (d *Deliverer) record(ctx context.Context, n operational.Nudge, h Handed) (err error) {
	move := operational.NudgeMove{ID: n.ID, From: operational.NudgeTyping, Tries: n.Tries + 1, To: h.State, Result: h.Why}
	for try := range recordTries {
		if try > 0 {
			time.Sleep(recordPause)
		}
		if _, err = d.move(ctx, move); err == nil || !errors.Is(err, town.ErrBusy) {
			return err
		}
	}
	return err
}

func (d *Deliverer) move(ctx context.Context, m operational.NudgeMove) (moved bool, err error) {
	err = d.Operational(ctx, func(o *operational.Store) error {
		moved, err = o.MoveNudge(ctx, m, d.Now())
		return err
	})
	return moved, err
}
