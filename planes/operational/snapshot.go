package operational

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Work is who works on what at one moment.
type Work struct {
	// Agents are in the order of their address.
	Agents []Agent `json:"agents"`
	// Assignments hold a bead, oldest first: open ones, and those that have ended
	// and of which the ledger has not been told.
	Assignments []Assignment `json:"assignments"`
	// Queue is in the order in which the entries were made.
	Queue []Waiting `json:"queue"`
	// Holds say what keeps the queue, by rig, as the dispatcher last found it.
	Holds []Hold `json:"holds,omitempty"`
	// Merges are the open merge requests, oldest first, without what Merges alone reads.
	Merges []MergeRequest `json:"merge_requests"`
	// Recoveries are those of which something is still to be done, oldest first.
	Recoveries []Recovery `json:"recoveries,omitempty"`
	// Spoilt says what is wrong with rows that could not be used, because another
	// program wrote them.
	Spoilt []string `json:"spoilt,omitempty"`

	checks []CheckState // only Glance reads them
	unsaid []Watched    // only Glance reads them
	alerts []Alert      // only Glance reads them
	// troubles are those of assignments.
	troubles map[town.Epoch]StartTrouble
}

// spoilt is an error about what a row holds, not about reading it.
type spoilt struct{ error }

func (e spoilt) Unwrap() error { return e.error }

// put adds what a row holds to a list, unless the row is spoilt.
func put[T any](w *Work, list *[]T, v T, err error) error {
	if bad, ok := errors.AsType[spoilt](err); ok {
		w.Spoilt = append(w.Spoilt, bad.Error())
		return nil
	}
	if err == nil {
		*list = append(*list, v)
	}
	return err
}

// Work reads each table once, in two queries.
func (s *Store) Work(ctx context.Context) (w Work, err error) {
	w, _, err = s.work(ctx, workQuery)
	return w, err
}

// work is Work with another second query, and counts the queries.
func (s *Store) work(ctx context.Context, query string) (w Work, queries int, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		w = Work{}
		defer func() { queries = tx.Statements() }()
		err := tx.Each(ctx, func(rows *doltdb.Rows) error {
			var beat sql.NullTime
			a, err := scanAgent(rows, &beat)
			if beat.Valid {
				a.Beat = beat.Time.UTC()
			}
			return put(&w, &w.Agents, a, err)
		}, "SELECT a.agent, a.status, a.run, a.session, a.sandbox, a.bead, a.preset, a.evidence, a.since, h.timestamp"+
			" FROM operational_state a LEFT JOIN heartbeats h ON h.agent = a.agent ORDER BY a.agent")
		if err != nil {
			return err
		}
		return tx.Each(ctx, w.add, query)
	})
	if err != nil {
		return Work{}, queries, fmt.Errorf("read who works on what: %w", err)
	}
	for epoch, trouble := range w.troubles {
		if i := slices.IndexFunc(w.Assignments, func(a Assignment) bool { return a.Epoch == epoch }); i >= 0 {
			w.Assignments[i].Trouble = &trouble
		}
	}
	slices.SortFunc(w.Assignments, func(a, b Assignment) int { return cmp.Compare(a.Epoch, b.Epoch) })
	slices.SortFunc(w.Queue, func(a, b Waiting) int { return cmp.Compare(a.Seq, b.Seq) })
	slices.SortFunc(w.Holds, func(a, b Hold) int { return cmp.Compare(a.Rig, b.Rig) })
	slices.SortFunc(w.Merges, func(a, b MergeRequest) int { return cmp.Compare(a.Epoch, b.Epoch) })
	slices.SortFunc(w.Recoveries, func(a, b Recovery) int { return cmp.Compare(a.Epoch, b.Epoch) })
	return w, queries, nil
}

// workQuery reads six tables whose columns stand for different things.
const workQuery = "SELECT 'a' AS origin, epoch AS number, bead, rig, agent, run AS n, state, told, sessions AS m, options, reason AS x, '' AS y, '' AS z, asked_by, at, changed" +
	" FROM assignments WHERE open_bead IS NOT NULL" +
	" UNION ALL SELECT 'q', seq, bead, rig, '', priority, '', FALSE, tries, options, '', '', '', asked_by, at, at FROM work_queue" +
	" UNION ALL SELECT 'm', epoch, bead, rig, agent, priority, state, FALSE, 0, branch, head, base, target, '', at, changed FROM merge_requests WHERE state IN (" + openMerges + ")" +
	" UNION ALL SELECT 'f', epoch, '', '', '', tries, '', FALSE, 0, '', reason, '', '', '', again, again FROM start_failures" +
	" UNION ALL SELECT 'r', epoch, bead, rig, agent, run, state, FALSE, 0, '', why, saved, '', '', at, changed FROM recoveries WHERE state IN (" + openRecoveries + ")" +
	" UNION ALL SELECT 'h', 0, '', rig, '', 0, '', FALSE, 0, bound, why, '', '', '', since, since FROM queue_holds"

func (w *Work) add(rows *doltdb.Rows) error {
	var origin, bead, rig, agent, state, options, x, y, z, by string
	var number, n int64
	var told bool
	var m int
	var at, changed time.Time
	if err := rows.Scan(&origin, &number, &bead, &rig, &agent, &n, &state, &told, &m, &options, &x, &y, &z, &by, &at, &changed); err != nil {
		return err
	}
	switch origin {
	case "a":
		a := Assignment{
			Ticket: town.Ticket{Bead: bead, Run: town.Run(n), Epoch: town.Epoch(number)},
			Told:   told, Sessions: m, Reason: x, By: by, At: at, Changed: changed,
		}
		err := a.checked(agent, state, options)
		return put(w, &w.Assignments, a, err)
	case "q":
		q := Waiting{Bead: bead, Seq: number, Rig: rig, Priority: int(n), Tries: m, By: by, At: at}
		err := q.checked(options)
		return put(w, &w.Queue, q, err)
	case "f":
		if w.troubles == nil {
			w.troubles = map[town.Epoch]StartTrouble{}
		}
		w.troubles[town.Epoch(number)] = StartTrouble{Tries: int(n), Again: at.UTC(), Reason: x}
		return nil
	case "h":
		w.Holds = append(w.Holds, Hold{Rig: rig, Bound: options, Why: x, Since: at.UTC()})
		return nil
	case "r":
		r := Recovery{Ticket: town.Ticket{Bead: bead, Run: town.Run(n), Epoch: town.Epoch(number)}, Why: x, Saved: y, At: at, Changed: changed}
		err := r.checked(agent, state)
		return put(w, &w.Recoveries, r, err)
	case "w":
		one := Watched{
			Run: town.Run(n), Epoch: town.Epoch(number), Verdict: state, Cause: options, Evidence: x, Since: changed.UTC(), Nudges: m,
		}
		var err error
		if one.Agent, err = town.ParseAddress(agent); err == nil { // a spoilt row is watched anew
			w.unsaid = append(w.unsaid, one)
		}
		return nil
	case "l":
		w.alerts = append(w.alerts, Alert{
			Fingerprint: options, Name: bead, Severity: AlertSeverity(state), Source: AlertSource(y), Summary: x, Since: at.UTC(), Changed: changed.UTC(),
		})
		return nil
	case "c":
		w.checks = append(w.checks, CheckState{Name: bead, State: state, Figure: options, Since: changed.UTC()})
		return nil
	default:
		r := MergeRequest{Epoch: town.Epoch(number), Bead: bead, Branch: options, Head: x, Base: y, Target: z, Priority: int(n), At: at, Changed: changed}
		err := r.checked(agent, state)
		return put(w, &w.Merges, r, err)
	}
}

// Agent returns the agent of an address.
func (w Work) Agent(address town.Address) (Agent, bool) {
	i := slices.IndexFunc(w.Agents, func(a Agent) bool { return a.Address == address })
	if i < 0 {
		return Agent{}, false
	}
	return w.Agents[i], true
}

// Holder returns the assignment that holds a bead.
func (w Work) Holder(bead string) (Assignment, bool) {
	i := slices.IndexFunc(w.Assignments, func(a Assignment) bool { return a.Bead == bead })
	if i < 0 {
		return Assignment{}, false
	}
	return w.Assignments[i], true
}

// HeldBy returns the assignment that holds an agent.
func (w Work) HeldBy(address town.Address) (Assignment, bool) {
	i := slices.IndexFunc(w.Assignments, func(a Assignment) bool { return a.Agent == address && a.State.Held() })
	if i < 0 {
		return Assignment{}, false
	}
	return w.Assignments[i], true
}

// Recovering reports whether an assignment is being taken away from its worker.
func (w Work) Recovering(e town.Epoch) bool {
	return slices.ContainsFunc(w.Recoveries, func(r Recovery) bool { return r.Epoch == e && r.State == RecoveryBegun })
}
