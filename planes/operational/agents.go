package operational

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Agent is an agent of the Town, as it was last seen.
type Agent struct {
	Address town.Address    `json:"agent"`
	State   town.AgentState `json:"state"`
	// Run is the number of its newest session, which may not have started yet; 0
	// before the first.
	Run town.Run `json:"run"`
	// Session is the session it has, Sandbox the directory it works in; "" for none.
	Session string `json:"session,omitempty"`
	Sandbox string `json:"sandbox,omitempty"`
	// Bead is what it works on.
	Bead string `json:"bead,omitempty"`
	// Preset is the agent program it was last started with; "" is the default.
	Preset string `json:"preset,omitempty"`
	// Evidence says in one line why it is in its state, and Since from when on.
	Evidence string    `json:"evidence,omitempty"`
	Since    time.Time `json:"since"`
	// Beat is its last heartbeat; the zero time for none.
	Beat time.Time `json:"beat,omitzero"`
}

const agentColumns = "agent, status, run, session, sandbox, bead, preset, evidence, since"

// scanAgent reads agentColumns, and what follows them.
func scanAgent(rows interface{ Scan(...any) error }, more ...any) (a Agent, err error) {
	var address, state string
	targets := []any{&address, &state, &a.Run, &a.Session, &a.Sandbox, &a.Bead, &a.Preset, &a.Evidence, &a.Since}
	if err := rows.Scan(append(targets, more...)...); err != nil {
		return a, err
	}
	a.Since = a.Since.UTC()
	if a.Address, err = town.ParseAddress(address); err == nil {
		a.State, err = town.ParseAgentState(state)
	}
	if err != nil {
		return a, spoilt{fmt.Errorf("the agent %q: %w", town.Clip(address, 80), err)}
	}
	return a, nil
}

// Register makes an agent known, idle, if it is not yet. It returns the agent as it
// is then.
func (s *Store) Register(ctx context.Context, address town.Address, now time.Time) (a Agent, err error) {
	if err := address.Check(); err != nil {
		return Agent{}, err
	}
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		a, err = register(ctx, tx, address, moment(now))
		return err
	})
	return a, explainWork("register "+address.String(), err)
}

func register(ctx context.Context, tx *doltdb.Tx, address town.Address, now time.Time) (Agent, error) {
	a, err := readAgent(ctx, tx, address)
	if !errors.Is(err, ErrNoAgent) {
		return a, err
	}
	a = Agent{Address: address, State: town.AgentIdle, Evidence: "new", Since: now}
	_, err = tx.Exec(ctx, "INSERT INTO operational_state (agent, rig, status, run, session, sandbox, bead, preset, evidence, since)"+
		" VALUES (?, ?, ?, 0, '', '', '', '', ?, ?)", address.String(), address.Rig, string(a.State), a.Evidence, stamp(now))
	return a, err
}

// ErrNoAgent reports an address that no agent of the Town has.
var ErrNoAgent = errors.New("there is no such agent")

func readAgent(ctx context.Context, tx *doltdb.Tx, address town.Address) (Agent, error) {
	a, err := scanAgent(tx.QueryRow(ctx, "SELECT "+agentColumns+" FROM operational_state WHERE agent = ?", address.String()))
	if errors.Is(err, doltdb.ErrNoRows) {
		return a, fmt.Errorf("%w: %s", ErrNoAgent, address)
	}
	return a, err
}

// Dismiss removes an agent that has no assignment and no session. Its address may
// come back later; its run then begins at 1 again, so no assignment of the former
// one may still hold a bead: that is refused.
func (s *Store) Dismiss(ctx context.Context, address town.Address, now time.Time) error {
	err := s.db.Write(ctx, func(tx *doltdb.Tx) error {
		a, err := readAgent(ctx, tx, address)
		if err != nil {
			return err
		}
		var live int
		err = tx.QueryRow(ctx, "SELECT COUNT(*) FROM assignments WHERE agent = ? AND open_bead IS NOT NULL", address.String()).Scan(&live)
		switch {
		case err != nil:
			return err
		case live > 0 || a.Session != "":
			return fmt.Errorf("%w: it is %s and has %d open assignment(s)", town.ErrRefused, a.State, live)
		}
		if _, err := tx.Exec(ctx, "DELETE FROM operational_state WHERE agent = ?", address.String()); err != nil {
			return err
		}
		if err := forgetConversations(ctx, tx, address); err != nil {
			return err
		}
		return s.note(ctx, tx, Entry{At: now, Kind: AgentPrefix + "dismissed", Subject: address.String()})
	})
	return explainWork("remove "+address.String(), err)
}

// Observation is what a controller saw an agent do. It counts only while the agent
// still has the run and the state that the controller saw it in.
type Observation struct {
	Agent    town.Address
	Run      town.Run
	From, To town.AgentState
	Evidence string
	// SessionGone says that the agent has no session any more.
	SessionGone bool
}

// Observe records observations, in one transaction, and returns how many counted.
// An agent without an assignment becomes idle only when it has no session, whoever
// says so.
func (s *Store) Observe(ctx context.Context, list []Observation, now time.Time) (counted int, err error) {
	if len(list) == 0 {
		return 0, nil
	}
	now = moment(now)
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		counted = 0
		for _, o := range list {
			did, err := s.observe(ctx, tx, o, now)
			if err != nil {
				return err
			}
			if did {
				counted++
			}
		}
		return nil
	})
	return counted, explainWork("record the states of agents", err)
}

func (s *Store) observe(ctx context.Context, tx *doltdb.Tx, o Observation, now time.Time) (did bool, err error) {
	a, err := readAgent(ctx, tx, o.Agent)
	switch {
	case errors.Is(err, ErrNoAgent):
		return false, nil
	case err != nil:
		return false, err
	case a.Run != o.Run || a.State != o.From:
		return false, nil
	}
	session := a.Session
	if o.SessionGone {
		session = ""
	}
	if a.Bead != "" && o.To == town.AgentIdle || a.Bead == "" && o.To == town.AgentIdle && session != "" {
		return false, nil
	}
	since := a.Since
	if o.To != a.State {
		since = now
	}
	_, err = tx.Exec(ctx, "UPDATE operational_state SET status = ?, session = ?, evidence = ?, since = ? WHERE agent = ?",
		string(o.To), session, text(o.Evidence, maxEvidence), stamp(since), o.Agent.String())
	if err != nil || o.To == a.State {
		return err == nil, err
	}
	return true, s.note(ctx, tx, Entry{
		At: now, Kind: AgentPrefix + string(o.To), Subject: o.Agent.String(), Detail: o.Evidence,
		Data: data("bead", a.Bead, "run", strconv.FormatInt(int64(a.Run), 10), "from", string(a.State)),
	})
}

// explainWork says what failed.
func explainWork(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
