package operational

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// conversationSchema holds the conversations that agents' programs told of. epoch is the
// assignment that the run was for, 0 for none.
var conversationSchema = doltdb.Migration{
	Name: "conversations",
	Statements: []string{
		`CREATE TABLE conversations (
			agent VARCHAR(160), run BIGINT, epoch BIGINT NOT NULL, preset VARCHAR(64) NOT NULL, id VARCHAR(128) NOT NULL, at DATETIME(6) NOT NULL,
			PRIMARY KEY (agent, run))`,
	},
}

// keptConversations is of how many runs an agent's conversations are kept.
const keptConversations = 10

// Converses records which conversation an agent's run has; a later one of the run takes
// its place. It says false, and changes nothing, unless the run is the agent's newest.
func (s *Store) Converses(ctx context.Context, who town.Address, run town.Run, c town.Conversation, now time.Time) (counted bool, err error) {
	if err := errors.Join(who.Check(), c.Check()); err != nil {
		return false, err
	}
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		counted = false
		a, err := readAgent(ctx, tx, who)
		if errors.Is(err, ErrNoAgent) || err == nil && a.Run != run {
			return nil
		}
		var epoch int64
		if err == nil {
			err = tx.QueryRow(ctx, "SELECT COALESCE(MAX(epoch), 0) FROM assignments WHERE open_agent = ?", who.String()).Scan(&epoch)
		}
		if err == nil {
			_, err = tx.Exec(ctx, "DELETE FROM conversations WHERE agent = ? AND run <= ?", who.String(), int64(run)-keptConversations)
		}
		if err == nil {
			_, err = tx.Exec(ctx, "REPLACE INTO conversations (agent, run, epoch, preset, id, at) VALUES (?, ?, ?, ?, ?, ?)",
				who.String(), int64(run), epoch, c.Preset, c.ID, stamp(now))
		}
		counted = err == nil
		return err
	})
	return counted, explainWork("record the conversation of "+who.String(), err)
}

// Conversation is the newest one that an assignment's agent had for it, in whichever run;
// the zero value when none is known.
func (s *Store) Conversation(ctx context.Context, t town.Ticket) (c town.Conversation, err error) {
	err = s.read(ctx, "the conversation of "+t.Agent.String(), func(rows *doltdb.Rows) error {
		return rows.Scan(&c.Preset, &c.ID)
	}, "SELECT preset, id FROM conversations WHERE agent = ? AND epoch = ? ORDER BY run DESC LIMIT 1", t.Agent.String(), int64(t.Epoch))
	if err != nil || c.Check() != nil { // another program wrote the row
		c = town.Conversation{}
	}
	return c, err
}

// Conversations are those of the newest runs of all agents, in one query.
func (s *Store) Conversations(ctx context.Context) (all map[town.Address]town.Conversation, err error) {
	all = map[town.Address]town.Conversation{}
	err = s.read(ctx, "the conversations of agents", func(rows *doltdb.Rows) error {
		var agent string
		var c town.Conversation
		if err := rows.Scan(&agent, &c.Preset, &c.ID); err != nil {
			return fmt.Errorf("a conversation: %w", err)
		}
		if a, err := town.ParseAddress(agent); err == nil && c.Check() == nil {
			all[a] = c
		}
		return nil
	}, "SELECT c.agent, c.preset, c.id FROM conversations c JOIN operational_state a ON a.agent = c.agent AND a.run = c.run")
	return all, err
}

// forgetConversations removes those of an agent whose runs begin anew.
func forgetConversations(ctx context.Context, tx *doltdb.Tx, who town.Address) error {
	_, err := tx.Exec(ctx, "DELETE FROM conversations WHERE agent = ?", who.String())
	return err
}
