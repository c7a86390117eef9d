package operational

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Assignment is one bead given to one agent.
type Assignment struct {
	town.Ticket
	State town.AssignmentState `json:"state"`
	// Told says that the ledger knows of the state. One that has ended holds its bead
	// until then.
	Told bool `json:"told"`
	// Sessions counts the sessions that were begun for it, one after the other was
	// lost: a worker that hands off by itself begins anew.
	Sessions int        `json:"sessions"`
	Options  town.Sling `json:"options"`
	// Trouble is what keeps it from beginning; nil for nothing. Only Work tells.
	Trouble *StartTrouble `json:"trouble,omitempty"`
	// Reason says why it ended.
	Reason string `json:"reason,omitempty"`
	// By is who asked for it, At when it was made, Changed when it came into its
	// state.
	By      string    `json:"asked_by,omitempty"`
	At      time.Time `json:"at"`
	Changed time.Time `json:"changed"`
}

const assignmentColumns = "epoch, bead, agent, run, state, told, sessions, options, reason, asked_by, at, changed"

func scanAssignment(rows interface{ Scan(...any) error }) (a Assignment, err error) {
	var address, state, options string
	if err := rows.Scan(&a.Epoch, &a.Bead, &address, &a.Run, &state, &a.Told, &a.Sessions, &options, &a.Reason, &a.By, &a.At, &a.Changed); err != nil {
		return a, err
	}
	return a, a.checked(address, state, options)
}

// checked fills in what has to be checked first.
func (a *Assignment) checked(address, state, options string) (err error) {
	a.At, a.Changed = a.At.UTC(), a.Changed.UTC()
	if a.Agent, err = town.ParseAddress(address); err == nil {
		a.State, err = town.ParseAssignmentState(state)
	}
	if err == nil {
		a.Options, err = decodeSling(options)
	}
	if err == nil {
		err = a.Ticket.Check()
	}
	if err != nil {
		return spoilt{fmt.Errorf("the assignment of epoch %d: %w", a.Epoch, err)}
	}
	return nil
}

// Limits bound how much is under way at once; 0 is no bound.
type Limits struct {
	// Starting are assignments whose session has not been handed its work; Working
	// are agents with an assignment; PerRig are those of one rig.
	Starting, Working, PerRig int
}

// Order is what Assign does: it gives a bead to an agent.
type Order struct {
	Bead  string
	Agent town.Address
	// Seq is the number of the entry of the queue that the order was planned from.
	// The entry goes with the assignment, which gets its options and its asker. 0 is
	// for an order that was not queued: Options and By count then.
	Seq     int64
	Options town.Sling
	By      string
	Limits  Limits
}

// TakenError reports a bead that an assignment holds already.
type TakenError struct{ By Assignment }

func (e *TakenError) Error() string {
	return fmt.Sprintf("%s has %s since %s (%s, epoch %d)", e.By.Agent, e.By.Bead, e.By.At.Format(time.RFC3339), e.By.State, e.By.Epoch)
}

// Unwrap makes it a town.ErrRefused.
func (e *TakenError) Unwrap() error { return town.ErrRefused }

// ErrNotIdle reports an agent that cannot take an assignment now. ErrLimit reports
// that a limit is reached, and ErrUnqueued an entry of the queue that is gone. All
// are town.ErrBusy: a later look may find another way.
var (
	ErrNotIdle  = fmt.Errorf("%w: the agent is not idle", town.ErrBusy)
	ErrLimit    = fmt.Errorf("%w: a limit is reached", town.ErrBusy)
	ErrUnqueued = fmt.Errorf("%w: the bead does not wait in the queue any more", town.ErrBusy)
)

// Assign gives a bead to an agent, in one transaction, if nobody has the bead, the
// agent is idle and no limit is reached. It fails with a *TakenError, ErrNotIdle,
// ErrLimit or ErrUnqueued otherwise, and then changes nothing. The assignment has
// a new epoch, and a run that its agent never had: what a former session of the
// agent shows is refused from then on. An agent that is not known is made known.
func (s *Store) Assign(ctx context.Context, o Order, now time.Time) (a Assignment, err error) {
	op := "assign " + town.Clip(o.Bead, 80) + " to " + o.Agent.String()
	err = errors.Join(town.CheckBeadID(o.Bead), o.Agent.Check(), o.Options.Check())
	if err != nil {
		return Assignment{}, explainWork(op, err)
	}
	now = moment(now)
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		a, err = s.assign(ctx, tx, o, now)
		return err
	})
	return a, explainWork(op, err)
}

func (s *Store) assign(ctx context.Context, tx *doltdb.Tx, o Order, now time.Time) (a Assignment, err error) {
	switch held, found, err := holder(ctx, tx, o.Bead); {
	case err != nil:
		return a, err
	case found:
		return a, &TakenError{held}
	}
	if o.Seq != 0 {
		if o.Options, o.By, err = takeQueued(ctx, tx, o.Bead, o.Seq); err != nil {
			return a, err
		}
	} else if _, err := tx.Exec(ctx, "DELETE FROM work_queue WHERE bead = ?", o.Bead); err != nil {
		return a, err
	}
	agent, err := register(ctx, tx, o.Agent, now)
	if err != nil {
		return a, err
	}
	if agent.State != town.AgentIdle || agent.Bead != "" || agent.Session != "" {
		return a, fmt.Errorf("%w: it is %s", ErrNotIdle, agent.State)
	}
	if err := o.Limits.check(ctx, tx, o.Agent.Rig); err != nil {
		return a, err
	}
	epoch, err := next(ctx, tx, "epoch", 1)
	if err != nil {
		return a, err
	}
	a = Assignment{
		Ticket: town.Ticket{Bead: o.Bead, Agent: o.Agent, Run: agent.Run + 1, Epoch: town.Epoch(epoch)}, State: town.Assigned,
		Sessions: 1, Options: o.Options, By: text(o.By, maxAsker), At: now, Changed: now,
	}
	_, err = tx.Exec(ctx, "INSERT INTO assignments (epoch, bead, rig, agent, run, state, open_bead, open_agent, told, sessions, options, reason, asked_by, at, changed)"+
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, FALSE, 1, ?, '', ?, ?, ?)", int64(a.Epoch), a.Bead, a.Agent.Rig, a.Agent.String(), int64(a.Run), string(a.State),
		a.Bead, a.Agent.String(), encodeSling(a.Options), a.By, stamp(now), stamp(now))
	if err != nil {
		return a, err
	}
	_, err = tx.Exec(ctx, "UPDATE operational_state SET status = ?, run = ?, bead = ?, sandbox = '', preset = ?, evidence = 'assigned; its session starts', since = ? WHERE agent = ?",
		string(town.AgentWorking), int64(a.Run), a.Bead, a.Options.Preset, stamp(now), a.Agent.String())
	if err != nil {
		return a, err
	}
	return a, s.note(ctx, tx, entryOf(a, a.By))
}

// check counts what is under way.
func (l Limits) check(ctx context.Context, tx *doltdb.Tx, rig string) error {
	var starting, working, here int
	err := tx.QueryRow(ctx, "SELECT COUNT(*), COALESCE(SUM(state = 'assigned'), 0), COALESCE(SUM(rig = ?), 0) FROM assignments WHERE open_agent IS NOT NULL", rig).
		Scan(&working, &starting, &here)
	switch {
	case err != nil:
		return err
	case l.Working > 0 && working >= l.Working:
		return fmt.Errorf("%w: %d polecats are at work in the Town", ErrLimit, working)
	case l.PerRig > 0 && here >= l.PerRig:
		return fmt.Errorf("%w: %d polecats are at work in the rig %s", ErrLimit, here, rig)
	case l.Starting > 0 && starting >= l.Starting:
		return fmt.Errorf("%w: %d sessions start", ErrLimit, starting)
	}
	return nil
}

// holder is the assignment that holds a bead.
func holder(ctx context.Context, tx *doltdb.Tx, bead string) (a Assignment, found bool, err error) {
	a, err = scanAssignment(tx.QueryRow(ctx, "SELECT "+assignmentColumns+" FROM assignments WHERE open_bead = ?", bead))
	if errors.Is(err, doltdb.ErrNoRows) {
		return a, false, nil
	}
	return a, err == nil, err
}

// Assignments returns the assignments that a bead ever had, oldest first, of those
// that were not pruned.
func (s *Store) Assignments(ctx context.Context, bead string) (all []Assignment, err error) {
	err = s.read(ctx, "the assignments of "+town.Clip(bead, 80), func(rows *doltdb.Rows) error {
		a, err := scanAssignment(rows)
		all = append(all, a)
		return err
	}, "SELECT "+assignmentColumns+" FROM assignments WHERE bead = ? ORDER BY epoch", bead)
	return all, err
}
