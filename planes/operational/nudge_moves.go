package operational

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Noticed is what an agent was last told of its mail.
type Noticed struct {
	Agent town.Address
	Run   town.Run
	// Newest is when the newest message was sent that it was told of, At when it was
	// told.
	Newest, At time.Time
}

// NudgeBoard is what is to be typed, and what was told, at one moment.
type NudgeBoard struct {
	// Open are the nudges that are queued or being typed, oldest first.
	Open    []Nudge
	Noticed []Noticed
	// Spoilt says what is wrong with rows that could not be used.
	Spoilt []string
}

// NudgeBoard reads it in two queries.
func (s *Store) NudgeBoard(ctx context.Context) (b NudgeBoard, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		b = NudgeBoard{}
		put := func(err error) error {
			if bad, ok := errors.AsType[spoilt](err); ok {
				b.Spoilt = append(b.Spoilt, bad.Error())
				return nil
			}
			return err
		}
		err := tx.Each(ctx, func(rows *doltdb.Rows) error {
			n, err := scanNudge(rows)
			if err == nil {
				b.Open = append(b.Open, n)
			}
			return put(err)
		}, "SELECT "+nudgeColumns+" FROM nudges WHERE state IN ('queued', 'typing') ORDER BY id")
		if err != nil {
			return err
		}
		return tx.Each(ctx, func(rows *doltdb.Rows) error {
			var n Noticed
			var address string
			err := rows.Scan(&address, &n.Run, &n.Newest, &n.At)
			if err == nil {
				n.Newest, n.At = n.Newest.UTC(), n.At.UTC()
				if n.Agent, err = town.ParseAddress(address); err != nil {
					return put(spoilt{fmt.Errorf("a notice of mail: %w", err)})
				}
				b.Noticed = append(b.Noticed, n)
			}
			return err
		}, "SELECT agent, run, newest, at FROM mail_notices ORDER BY agent")
	})
	if err != nil {
		return NudgeBoard{}, fmt.Errorf("read the nudges: %w", err)
	}
	return b, nil
}

// Nudges returns nudges by their ids, oldest first, in one query.
func (s *Store) Nudges(ctx context.Context, ids []int64) (all []Nudge, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	err = s.read(ctx, "the nudges", func(rows *doltdb.Rows) error {
		n, err := scanNudge(rows)
		all = append(all, n)
		return err
	}, "SELECT "+nudgeColumns+" FROM nudges WHERE id IN (?"+strings.Repeat(",?", len(ids)-1)+") ORDER BY id", args...)
	return all, err
}

// NudgeMove brings a nudge from the state it was seen in into another one.
type NudgeMove struct {
	ID int64
	// From and Tries are what was seen. The move counts only while both are so.
	From   NudgeState
	Tries  int
	To     NudgeState
	Result string
}

// nudgeMoves are the moves that there are.
var nudgeMoves = map[NudgeState][]NudgeState{
	NudgeQueued: {NudgeTyping, NudgeRefused, NudgeExpired},
	NudgeTyping: {NudgeQueued, NudgeConfirmed, NudgePasted, NudgeRefused, NudgeUnknown},
}

// MoveNudge makes a move in one transaction. It says false, and changes nothing, when
// the nudge is not any more as it was seen. Only one of several callers who begin to
// type a nudge gets true.
func (s *Store) MoveNudge(ctx context.Context, m NudgeMove, now time.Time) (moved bool, err error) {
	op := "record nudge " + strconv.FormatInt(m.ID, 10)
	if !slices.Contains(nudgeMoves[m.From], m.To) {
		return false, fmt.Errorf("%s: a nudge does not go from %s to %s", op, m.From, m.To)
	}
	begun := 0
	if m.To == NudgeTyping {
		begun = 1
	}
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		moved = false
		n, err := scanNudge(tx.QueryRow(ctx, "SELECT "+nudgeColumns+" FROM nudges WHERE id = ?", m.ID))
		if errors.Is(err, doltdb.ErrNoRows) || err == nil && (n.State != m.From || n.Tries != m.Tries) {
			return nil
		}
		if err != nil {
			return err
		}
		n.State, n.Tries, n.Result, n.Changed = m.To, n.Tries+begun, text(m.Result, maxResult), moment(now)
		_, err = tx.Exec(ctx, "UPDATE nudges SET state = ?, tries = ?, result = ?, changed = ? WHERE id = ?", string(n.State), n.Tries, n.Result, stamp(n.Changed), n.ID)
		if moved = err == nil; err != nil || n.State.Open() {
			return err
		}
		return s.note(ctx, tx, nudgeEvent(n))
	})
	return moved && err == nil, explainWork(op, err)
}
