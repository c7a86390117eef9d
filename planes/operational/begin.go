package operational

import (
	"context"
	"strconv"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Begin gives an agent that works without assignments, such as the Mayor, its next run
// with a session, in one transaction. It makes the agent known if it is not yet. It is
// recorded before the session starts; Vacate takes it back.
func (s *Store) Begin(ctx context.Context, address town.Address, preset, session, sandbox string, now time.Time) (a Agent, err error) {
	if err := address.Check(); err != nil {
		return Agent{}, err
	}
	now = moment(now)
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		if a, err = register(ctx, tx, address, now); err != nil {
			return err
		}
		a.Run++
		a.State, a.Session, a.Sandbox, a.Preset, a.Evidence, a.Since = town.AgentWorking, session, sandbox, preset, "its session was started", now
		_, err := tx.Exec(ctx, "UPDATE operational_state SET run = ?, status = ?, session = ?, sandbox = ?, preset = ?, evidence = ?, since = ? WHERE agent = ?",
			int64(a.Run), string(a.State), a.Session, a.Sandbox, a.Preset, a.Evidence, stamp(now), address.String())
		if err != nil {
			return err
		}
		return s.note(ctx, tx, Entry{
			At: now, Kind: SessionStarted, Subject: address.String(), Detail: "run " + strconv.FormatInt(int64(a.Run), 10),
			Data: data("run", strconv.FormatInt(int64(a.Run), 10), "session", session),
		})
	})
	return a, explainWork("begin a session of "+address.String(), err)
}

// Vacate records that an agent without an assignment has no session any more. It does
// nothing when the agent has another run by now.
func (s *Store) Vacate(ctx context.Context, address town.Address, run town.Run, why string, now time.Time) error {
	return explainWork("end the session of "+address.String(), s.db.Write(ctx, func(tx *doltdb.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE operational_state SET status = ?, session = '', evidence = ?, since = ? WHERE agent = ? AND run = ? AND bead = ''",
			string(town.AgentIdle), text(why, maxEvidence), stamp(now), address.String(), int64(run))
		if err != nil || n == 0 {
			return err
		}
		return s.note(ctx, tx, Entry{At: now, Kind: AgentPrefix + string(town.AgentIdle), Subject: address.String(), Detail: why})
	}))
}
