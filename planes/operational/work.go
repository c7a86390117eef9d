package operational

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// workSchema holds who works on what. See the package comment for what the rows
// promise. In assignments, open_bead is the bead for as long as the assignment
// holds it and open_agent is the agent, otherwise they are NULL: the unique keys
// are what makes an assignment exclusive.
var workSchema = doltdb.Migration{
	Name: "work",
	Statements: []string{
		`CREATE TABLE operational_state (
			agent VARCHAR(160) PRIMARY KEY, rig VARCHAR(64) NOT NULL, status VARCHAR(16) NOT NULL, run BIGINT NOT NULL,
			session VARCHAR(160) NOT NULL, sandbox VARCHAR(1024) NOT NULL, bead VARCHAR(255) NOT NULL, preset VARCHAR(64) NOT NULL,
			evidence VARCHAR(512) NOT NULL, since DATETIME(6) NOT NULL, INDEX idx_rig_status (rig, status))`,
		`CREATE TABLE assignments (
			epoch BIGINT PRIMARY KEY, bead VARCHAR(255) NOT NULL, rig VARCHAR(64) NOT NULL, agent VARCHAR(160) NOT NULL, run BIGINT NOT NULL,
			state VARCHAR(16) NOT NULL, open_bead VARCHAR(255), open_agent VARCHAR(160), told BOOLEAN NOT NULL, sessions INT NOT NULL,
			options TEXT NOT NULL, reason VARCHAR(1024) NOT NULL, asked_by VARCHAR(255) NOT NULL, at DATETIME(6) NOT NULL,
			changed DATETIME(6) NOT NULL, UNIQUE KEY one_per_bead (open_bead), UNIQUE KEY one_per_agent (open_agent), INDEX idx_bead (bead))`,
		`CREATE TABLE work_queue (
			bead VARCHAR(255) PRIMARY KEY, seq BIGINT NOT NULL, rig VARCHAR(64) NOT NULL, priority INT NOT NULL, options TEXT NOT NULL,
			tries INT NOT NULL, asked_by VARCHAR(255) NOT NULL, at DATETIME(6) NOT NULL)`,
		`CREATE TABLE merge_requests (
			epoch BIGINT PRIMARY KEY, bead VARCHAR(255) NOT NULL, rig VARCHAR(64) NOT NULL, agent VARCHAR(160) NOT NULL,
			branch VARCHAR(255) NOT NULL, head VARCHAR(64) NOT NULL, base VARCHAR(64) NOT NULL, target VARCHAR(255) NOT NULL,
			state VARCHAR(16) NOT NULL, priority INT NOT NULL, tries INT NOT NULL, result VARCHAR(1024) NOT NULL, landed VARCHAR(64) NOT NULL,
			at DATETIME(6) NOT NULL, changed DATETIME(6) NOT NULL, INDEX idx_state (state, rig))`,
		`CREATE TABLE nudges (
			id BIGINT PRIMARY KEY, agent VARCHAR(160) NOT NULL, run BIGINT NOT NULL, kind VARCHAR(16) NOT NULL, sender VARCHAR(255) NOT NULL,
			text TEXT NOT NULL, state VARCHAR(16) NOT NULL, tries INT NOT NULL, result VARCHAR(512) NOT NULL, at DATETIME(6) NOT NULL,
			expires DATETIME(6) NOT NULL, changed DATETIME(6) NOT NULL, INDEX idx_state_agent (state, agent))`,
		`CREATE TABLE work_counters (name VARCHAR(32) PRIMARY KEY, value BIGINT NOT NULL)`,
	},
}

// Limits of the texts in rows of work, in bytes; longer ones are cut.
const maxEvidence, maxReason, maxAsker = 500, 1000, 250

// The kinds of the feed's events about work. An event about an assignment has the
// kind AssignmentPrefix and the new state, one about an agent AgentPrefix and the
// new state.
const (
	AssignmentPrefix = "assignment."
	AgentPrefix      = "agent."
	// SessionStarted: an agent has a new session. SessionRenewed: its next session
	// was given a number.
	SessionStarted = AgentPrefix + "started"
	SessionRenewed = AgentPrefix + "renewed"
	// Queued and Unqueued: a bead waits for a worker, or does not any more although
	// nobody got it.
	Queued   = "queue.added"
	Unqueued = "queue.removed"
)

// next returns the next number of a counter.
func next(ctx context.Context, tx *doltdb.Tx, counter string, n int64) (first int64, err error) {
	err = tx.QueryRow(ctx, "SELECT value FROM work_counters WHERE name = ?", counter).Scan(&first)
	if err != nil && !errors.Is(err, doltdb.ErrNoRows) {
		return 0, err
	}
	_, err = tx.Exec(ctx, "REPLACE INTO work_counters (name, value) VALUES (?, ?)", counter, first+n)
	return first + 1, err
}

// note appends events in the transaction of the change they are about.
func (s *Store) note(ctx context.Context, tx *doltdb.Tx, entries ...Entry) error {
	if len(entries) == 0 {
		return nil
	}
	_, err := s.append(ctx, tx, Arrival{Entries: entries})
	return err
}

// entryOf is the event that an assignment came into its state.
func entryOf(a Assignment, actor string) Entry {
	detail := "to " + a.Agent.String()
	if a.Reason != "" {
		detail += ": " + a.Reason
	}
	return Entry{
		At: a.Changed, Kind: AssignmentPrefix + string(a.State), Subject: a.Bead, Actor: actor, Detail: detail,
		Data: data("agent", a.Agent.String(), "rig", a.Agent.Rig, "run", strconv.FormatInt(int64(a.Run), 10),
			"epoch", strconv.FormatInt(int64(a.Epoch), 10)),
	}
}

// data writes pairs of a name and a value as a JSON object.
func data(pairs ...string) string {
	m := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	text, _ := json.Marshal(m) // strings: never fails
	return string(text)
}

// encodeSling writes options for their column.
func encodeSling(o town.Sling) string {
	text, _ := json.Marshal(o) // strings and switches: never fails
	return string(text)
}

// decodeSling reads them. A row that another program wrote may hold anything.
func decodeSling(text string) (o town.Sling, err error) {
	if err = json.Unmarshal([]byte(text), &o); err == nil {
		err = o.Check()
	}
	if err != nil {
		return town.Sling{}, fmt.Errorf("the options of a row: %w", err)
	}
	return o, nil
}

// moment is a time as the rows hold it.
func moment(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
