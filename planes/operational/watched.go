package operational

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Watched is what patrols remember of an agent from one to the next.
type Watched struct {
	Agent town.Address `json:"agent"`
	// Run and Epoch are those that the rest is about.
	Run   town.Run   `json:"run"`
	Epoch town.Epoch `json:"epoch"`
	// Print stands for what its sandbox held. Moved is when a patrol last saw that it
	// changed, Walked when one last looked.
	Print  string    `json:"-"`
	Moved  time.Time `json:"moved"`
	Walked time.Time `json:"-"`
	// CPU is the processor time that its processes had used at Sampled.
	CPU     time.Duration `json:"-"`
	Sampled time.Time     `json:"-"`
	// Output is when it had last printed something before it was last nudged.
	Output time.Time `json:"-"`
	// Verdict and Cause say how the last patrol judged it, Evidence why in one line, and
	// Since from when on.
	Verdict  string    `json:"verdict"`
	Cause    string    `json:"cause,omitempty"`
	Evidence string    `json:"evidence"`
	Since    time.Time `json:"since"`
	// Nudges is how often it was nudged since its sandbox last changed, the last time at
	// Nudged.
	Nudges int       `json:"nudges"`
	Nudged time.Time `json:"nudged,omitzero"`
}

const watchedColumns = "agent, rig, run, epoch, print, moved, walked, cpu, sampled, output, verdict, cause, evidence, since, nudges, nudged"

// never stands for the zero time in columns that hold one.
var never = time.Unix(0, 0).UTC()

func orNever(t time.Time) string {
	if t.IsZero() {
		t = never
	}
	return stamp(t)
}

func orZero(t time.Time) time.Time {
	if t = t.UTC(); t.Equal(never) {
		return time.Time{}
	}
	return t
}

// Watched returns what patrols remember, in the order of the agents, in one query.
func (s *Store) Watched(ctx context.Context) (all []Watched, err error) {
	err = s.read(ctx, "what patrols saw", func(rows *doltdb.Rows) error {
		var w Watched
		var agent, rig string
		var cpu int64
		err := rows.Scan(&agent, &rig, &w.Run, &w.Epoch, &w.Print, &w.Moved, &w.Walked, &cpu, &w.Sampled, &w.Output, &w.Verdict, &w.Cause, &w.Evidence, &w.Since, &w.Nudges, &w.Nudged)
		if err != nil {
			return err
		}
		for _, t := range []*time.Time{&w.Moved, &w.Walked, &w.Sampled, &w.Output, &w.Since, &w.Nudged} {
			*t = orZero(*t)
		}
		w.CPU = time.Duration(cpu)
		if w.Agent, err = town.ParseAddress(agent); err == nil { // a spoilt row is watched anew
			all = append(all, w)
		}
		return nil
	}, "SELECT "+watchedColumns+" FROM watched ORDER BY agent")
	return all, err
}

// Nudging is a nudge that counts only while the ticket does.
type Nudging struct {
	Ticket town.Ticket
	Nudge
}

// Watch records what a patrol saw, in one transaction with the nudges that it sends. A
// nudge whose ticket does not count any more is left out, with what was seen of its
// agent.
func (s *Store) Watch(ctx context.Context, list []Watched, nudges []Nudging, now time.Time) error {
	for _, n := range nudges {
		if err := n.Check(); err != nil {
			return explainWork("nudge "+n.Agent.String(), err)
		}
	}
	if len(list)+len(nudges) == 0 {
		return nil
	}
	err := s.db.Write(ctx, func(tx *doltdb.Tx) error {
		stale := map[town.Address]bool{}
		var fresh []Nudge
		for _, n := range nudges {
			_, err := current(ctx, tx, n.Ticket)
			switch {
			case errors.As(err, new(*StaleError)):
				stale[n.Agent] = true
			case err != nil:
				return err
			default:
				fresh = append(fresh, n.Nudge)
			}
		}
		var rows [][]any
		for _, w := range list {
			if !stale[w.Agent] {
				rows = append(rows, watchedRow(w))
			}
		}
		if err := write(ctx, tx, doltdb.Replace, "watched", watchedColumns, rows); err != nil || len(fresh) == 0 {
			return err
		}
		_, err := s.nudge(ctx, tx, fresh, moment(now))
		return err
	})
	if err != nil {
		return fmt.Errorf("record what a patrol saw: %w", err)
	}
	return nil
}

func watchedRow(w Watched) []any {
	return []any{
		w.Agent.String(), w.Agent.Rig, int64(w.Run), int64(w.Epoch), text(w.Print, 128), orNever(w.Moved), orNever(w.Walked), int64(w.CPU), orNever(w.Sampled),
		orNever(w.Output), text(w.Verdict, 32), text(w.Cause, 64), text(w.Evidence, maxEvidence), orNever(w.Since), w.Nudges, orNever(w.Nudged),
	}
}
