package operational

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// noticeSchema holds what agents were told of their mail. The nudges themselves are a
// table of workSchema.
var noticeSchema = doltdb.Migration{
	Name: "notices of mail",
	Statements: []string{
		`CREATE TABLE mail_notices (
			agent VARCHAR(160) PRIMARY KEY, run BIGINT NOT NULL, newest DATETIME(6) NOT NULL, at DATETIME(6) NOT NULL)`,
	},
}

// Nudge stores nudges, all or none, in one transaction, and returns them as they are
// stored: queued. town.ErrBusy reports an agent for which too many wait already.
func (s *Store) Nudge(ctx context.Context, list []Nudge, now time.Time) (stored []Nudge, err error) {
	for _, n := range list {
		if err := n.Check(); err != nil {
			return nil, err
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		stored, err = s.nudge(ctx, tx, list, moment(now))
		return err
	})
	return stored, explainWork("store a nudge", err)
}

func (s *Store) nudge(ctx context.Context, tx *doltdb.Tx, list []Nudge, now time.Time) (stored []Nudge, err error) {
	open := map[string]int{}
	err = tx.Each(ctx, func(rows *doltdb.Rows) error {
		var agent string
		var n int
		err := rows.Scan(&agent, &n)
		open[agent] = n
		return err
	}, "SELECT agent, COUNT(*) FROM nudges WHERE state IN ('queued', 'typing') GROUP BY agent")
	if err != nil {
		return nil, err
	}
	first, err := next(ctx, tx, nudgeNumber, int64(len(list)))
	if err != nil {
		return nil, err
	}
	var values [][]any
	var events []Entry
	for i, n := range list {
		agent := n.Agent.String()
		if open[agent]++; open[agent] > maxOpenNudges {
			return nil, fmt.Errorf("%w: %d nudges wait for %s already", town.ErrBusy, maxOpenNudges, agent)
		}
		n.ID, n.State, n.Tries, n.Result = first+int64(i), NudgeQueued, 0, ""
		n.At, n.Changed, n.Expires, n.From = now, now, moment(n.Expires), text(n.From, maxAsker)
		stored = append(stored, n)
		values = append(values, []any{n.ID, agent, int64(n.Run), string(n.Kind), n.From, n.Text, string(n.State), 0, "", stamp(n.At), stamp(n.Expires), stamp(n.Changed)})
		events = append(events, nudgeEvent(n))
	}
	if err := write(ctx, tx, doltdb.Insert, "nudges", nudgeColumns, values); err != nil {
		return nil, err
	}
	return stored, s.note(ctx, tx, events...)
}

// Notice stores the notice of new mail, which covers messages up to newest, in one
// transaction. It stores none, and says false, if the agent was told less than apart
// ago, if a notice still waits, or if the agent's session was told of that message.
func (s *Store) Notice(ctx context.Context, n Nudge, newest time.Time, apart time.Duration, now time.Time) (noticed bool, err error) {
	n.Kind = NudgeMail
	if err := n.Check(); err != nil {
		return false, explainWork("tell "+n.Agent.String()+" of mail", err)
	}
	now, newest = moment(now), moment(newest)
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		noticed = false
		var was Noticed
		err := tx.QueryRow(ctx, "SELECT run, newest, at FROM mail_notices WHERE agent = ?", n.Agent.String()).Scan(&was.Run, &was.Newest, &was.At)
		switch {
		case errors.Is(err, doltdb.ErrNoRows):
		case err != nil:
			return err
		case now.Before(was.At.Add(apart)) || was.Run == n.Run && !newest.After(was.Newest):
			return nil
		}
		var waiting int
		err = tx.QueryRow(ctx, "SELECT COUNT(*) FROM nudges WHERE state IN ('queued', 'typing') AND agent = ? AND kind = ?", n.Agent.String(), string(NudgeMail)).Scan(&waiting)
		if err != nil || waiting > 0 {
			return err
		}
		if _, err := s.nudge(ctx, tx, []Nudge{n}, now); err != nil {
			return err
		}
		noticed = true
		_, err = tx.Exec(ctx, "REPLACE INTO mail_notices (agent, run, newest, at) VALUES (?, ?, ?, ?)", n.Agent.String(), int64(n.Run), stamp(newest), stamp(now))
		return err
	})
	return noticed, explainWork("tell "+n.Agent.String()+" of mail", err)
}

// pruneNudges removes nudges of which nothing is to be done and that are old.
const pruneNudges = "DELETE FROM nudges WHERE changed < ? AND state NOT IN ('queued', 'typing')"
