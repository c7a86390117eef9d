package operational

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
	"gastown/town/spending"
)

// spendingSchema holds what agents used. transcripts says how far each transcript was read,
// spending has the sums of what was read, and spending_messages digests of the messages, by
// which copies of a conversation are known. The rows of a transcript change together.
var spendingSchema = doltdb.Migration{
	Name: "spending",
	Statements: []string{
		`CREATE TABLE transcripts (
			source CHAR(64) PRIMARY KEY, format VARCHAR(16) NOT NULL, path VARCHAR(2048) NOT NULL, folder CHAR(64) NOT NULL, stamp VARCHAR(128) NOT NULL,
			state TEXT NOT NULL, changed DATETIME(6) NOT NULL)`,
		`CREATE TABLE spending (
			id CHAR(64) PRIMARY KEY, source CHAR(64) NOT NULL, session VARCHAR(128) NOT NULL, agent VARCHAR(160) NOT NULL, bead VARCHAR(255) NOT NULL,
			day CHAR(10) NOT NULL, model VARCHAR(128) NOT NULL, messages BIGINT NOT NULL, input BIGINT NOT NULL, cache_read BIGINT NOT NULL,
			cache_write BIGINT NOT NULL, output BIGINT NOT NULL, INDEX idx_source (source), INDEX idx_day (day), INDEX idx_bead (bead))`,
		`CREATE TABLE spending_messages (source CHAR(64), number BIGINT, folder CHAR(64) NOT NULL, ids TEXT NOT NULL, PRIMARY KEY (source, number), INDEX idx_folder (folder))`,
	},
}

const (
	// SpendingKept is how long sums of what was spent are kept.
	SpendingKept = 400 * 24 * time.Hour
	// SpendingSettled is how long sums of a day may still change. Older ones stay as they are,
	// and older messages are not counted any more, whatever is read again.
	SpendingSettled = 60 * 24 * time.Hour
	// transcriptsKept is how long the row of a transcript stays that does not change any
	// more. All its messages are settled by then, so it counts once although it is read again
	// from its beginning if it changes later, or if another transcript has a copy of it.
	transcriptsKept = SpendingSettled + 24*time.Hour
	// maxIDs is how many digests of messages one row holds.
	maxIDs = 3000
)

// Transcript is a file of an agent's program, and how far it was read.
type Transcript struct {
	// Source is its digest, Folder that of the folder in which a program puts copies.
	Source, Folder string
	Format         spending.Format
	Path           string
	// Stamp is what the file looked like when it was read to State, which is an encoded
	// spending.Cursor. An empty State was never read.
	Stamp, State string
}

// TranscriptOf is a transcript that was not read yet.
func TranscriptOf(format spending.Format, path, folder string) Transcript {
	return Transcript{
		Source: string(town.DigestOf("transcript", string(format), path)), Folder: string(town.DigestOf("folder", string(format), folder)),
		Format: format, Path: path,
	}
}

// Transcripts are those that were read, by their source.
func (s *Store) Transcripts(ctx context.Context) (all map[string]Transcript, err error) {
	all = map[string]Transcript{}
	err = s.read(ctx, "which transcripts were read", func(rows *doltdb.Rows) error {
		var t Transcript
		err := rows.Scan(&t.Source, &t.Folder, &t.Format, &t.Path, &t.Stamp, &t.State)
		all[t.Source] = t
		return err
	}, "SELECT source, folder, format, path, stamp, state FROM transcripts")
	return all, err
}

// Spent is what the messages of a conversation used that have the same agent, bead, day
// and model.
type Spent struct {
	Session string
	spending.Sum
}

func (p Spent) id(source string) string {
	return string(town.DigestOf("spent", source, p.Session, agentText(p.Agent), p.Bead, p.Day, p.Model))
}

// Read is what one reading of a transcript found.
type Read struct {
	// Before is what the reading began from, Stamp and State are what it ended with.
	Before       Transcript
	Stamp, State string
	// Anew says that this reading replaces what was counted of the transcript before, except
	// what is settled.
	Anew bool
	Sums []Spent
	// Messages are digests of the messages that were counted.
	Messages []uint64
}

// Unsettled is the first day whose sums may still change.
func Unsettled(now time.Time) string { return spending.Day(now.Add(-SpendingSettled)) }

// Spend adds what readings found, in one transaction. A transcript that somebody else read
// further meanwhile is left alone. recorded says of each reading whether it was recorded.
func (s *Store) Spend(ctx context.Context, list []Read, now time.Time) (recorded []bool, err error) {
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		recorded = make([]bool, len(list))
		for i, r := range list {
			var err error
			if recorded[i], err = spend(ctx, tx, r, now); err != nil {
				return err
			}
		}
		return nil
	})
	return recorded, explainWork("record what agents spent", err)
}

func spend(ctx context.Context, tx *doltdb.Tx, r Read, now time.Time) (did bool, err error) {
	t := r.Before
	var state string
	err = tx.QueryRow(ctx, "SELECT state FROM transcripts WHERE source = ?", t.Source).Scan(&state)
	known := err == nil
	switch {
	case err != nil && !errors.Is(err, doltdb.ErrNoRows):
		return false, err
	case known && state != t.State, !known && t.State != "":
		return false, nil
	case len(r.State) > spending.MaxState:
		return false, fmt.Errorf("the state of a transcript has %d bytes", len(r.State))
	}
	if r.Anew || !known {
		if _, err := tx.Exec(ctx, "DELETE FROM spending WHERE source = ? AND day >= ?", t.Source, Unsettled(now)); err != nil {
			return false, err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM spending_messages WHERE source = ?", t.Source); err != nil {
			return false, err
		}
	}
	for _, p := range r.Sums {
		_, err := tx.Exec(ctx, "INSERT INTO spending (id, source, session, agent, bead, day, model, messages, input, cache_read, cache_write, output)"+
			" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE messages = messages + VALUES(messages), input = input + VALUES(input),"+
			" cache_read = cache_read + VALUES(cache_read), cache_write = cache_write + VALUES(cache_write), output = output + VALUES(output)",
			p.id(t.Source), t.Source, text(p.Session, 128), agentText(p.Agent), text(p.Bead, 255), p.Day, text(p.Model, 128),
			p.Messages, p.Input, p.CacheRead, p.CacheWrite, p.Output)
		if err != nil {
			return false, err
		}
	}
	if err := noteMessages(ctx, tx, t, r.Messages); err != nil {
		return false, err
	}
	return true, write(ctx, tx, doltdb.Replace, "transcripts", "source, format, path, folder, stamp, state, changed",
		[][]any{{t.Source, string(t.Format), text(t.Path, 2048), t.Folder, text(r.Stamp, 128), r.State, stamp(now)}})
}

func agentText(a town.Address) string {
	if a == (town.Address{}) {
		return ""
	}
	return a.String()
}

// noteMessages appends digests of messages.
func noteMessages(ctx context.Context, tx *doltdb.Tx, t Transcript, ids []uint64) error {
	if len(ids) == 0 {
		return nil
	}
	var number int64
	if err := tx.QueryRow(ctx, "SELECT COALESCE(MAX(number), 0) FROM spending_messages WHERE source = ?", t.Source).Scan(&number); err != nil {
		return err
	}
	var rows [][]any
	for len(ids) > 0 {
		n := min(len(ids), maxIDs)
		var b []byte
		for _, id := range ids[:n] {
			b = binary.BigEndian.AppendUint64(b, id)
		}
		number++
		rows = append(rows, []any{t.Source, number, t.Folder, hex.EncodeToString(b)})
		ids = ids[n:]
	}
	return write(ctx, tx, doltdb.Insert, "spending_messages", "source, number, folder, ids", rows)
}

// CountedMessages are the digests of the messages that were counted in the transcripts of a
// folder, without those of one transcript.
func (s *Store) CountedMessages(ctx context.Context, t Transcript) (all map[uint64]bool, err error) {
	all = map[uint64]bool{}
	err = s.read(ctx, "which messages were counted", func(rows *doltdb.Rows) error {
		var ids string
		if err := rows.Scan(&ids); err != nil {
			return err
		}
		b, _ := hex.DecodeString(ids) // what another program spoilt counts up to there
		for ; len(b) >= 8; b = b[8:] {
			all[binary.BigEndian.Uint64(b)] = true
		}
		return nil
	}, "SELECT ids FROM spending_messages WHERE folder = ? AND source <> ?", t.Folder, t.Source)
	return all, err
}

// Begun is an assignment: the agent had the bead from that time on.
type Begun struct {
	Agent town.Address
	Bead  string
	At    time.Time
}

// Begun are the assignments of agents, oldest first, of those that were not pruned.
func (s *Store) Begun(ctx context.Context, agents []town.Address) (all []Begun, err error) {
	if len(agents) == 0 {
		return nil, nil
	}
	args := []any{}
	for _, a := range agents {
		args = append(args, a.String())
	}
	err = s.read(ctx, "the assignments of agents", func(rows *doltdb.Rows) error {
		var b Begun
		var agent string
		if err := rows.Scan(&agent, &b.Bead, &b.At); err != nil {
			return err
		}
		if a, err := town.ParseAddress(agent); err == nil && town.CheckBeadID(b.Bead) == nil {
			b.Agent, b.At = a, b.At.UTC()
			all = append(all, b)
		}
		return nil
	}, "SELECT agent, bead, at FROM assignments WHERE agent IN (?"+strings.Repeat(", ?", len(args)-1)+") ORDER BY epoch", args...)
	return all, err
}

// Conversing returns the agents that reported a conversation, by its id.
func (s *Store) Conversing(ctx context.Context, ids []string) (all map[string]town.Address, err error) {
	all = map[string]town.Address{}
	if len(ids) == 0 {
		return all, nil
	}
	args := []any{}
	for _, id := range ids {
		args = append(args, id)
	}
	err = s.read(ctx, "whose a conversation is", func(rows *doltdb.Rows) error {
		var id, agent string
		if err := rows.Scan(&id, &agent); err != nil {
			return err
		}
		if a, err := town.ParseAddress(agent); err == nil {
			all[id] = a
		}
		return nil
	}, "SELECT id, agent FROM conversations WHERE id IN (?"+strings.Repeat(", ?", len(args)-1)+")", args...)
	return all, err
}

// Spending returns what was used on a day or later, and whatever was used on the beads, as
// sums of the same agent, bead, day and model. The day "" is before all days.
func (s *Store) Spending(ctx context.Context, since string, beads ...string) (all []spending.Sum, err error) {
	where, args := "day >= ?", []any{since}
	if len(beads) > 0 && since != "" {
		where += " OR bead IN (?" + strings.Repeat(", ?", len(beads)-1) + ")"
		for _, b := range beads {
			args = append(args, b)
		}
	}
	err = s.read(ctx, "what agents spent", func(rows *doltdb.Rows) error {
		var p spending.Sum
		var agent string
		var n [5]string // sums are decimals
		if err := rows.Scan(&agent, &p.Bead, &p.Day, &p.Model, &n[0], &n[1], &n[2], &n[3], &n[4]); err != nil {
			return err
		}
		for i, to := range []*int64{&p.Messages, &p.Input, &p.CacheRead, &p.CacheWrite, &p.Output} {
			v, err := strconv.ParseFloat(n[i], 64)
			if err != nil || v < 0 || v > 1e18 {
				return nil // another program spoilt it
			}
			*to = int64(v)
		}
		if a, err := town.ParseAddress(agent); err == nil {
			p.Agent = a
		}
		all = append(all, p)
		return nil
	}, "SELECT agent, bead, day, model, SUM(messages), SUM(input), SUM(cache_read), SUM(cache_write), SUM(output) FROM spending WHERE "+where+
		" GROUP BY agent, bead, day, model ORDER BY day, agent, bead, model", args...)
	return all, err
}

// PruneSpending removes sums of days that are SpendingKept ago, and what is known about
// transcripts that did not change for long. It returns how many rows it removed.
func (s *Store) PruneSpending(ctx context.Context, now time.Time) (removed int64, err error) {
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		removed = 0
		for _, q := range []struct{ query, arg string }{
			{"DELETE FROM spending WHERE day < ?", spending.Day(now.Add(-SpendingKept))},
			{"DELETE FROM transcripts WHERE changed < ?", stamp(now.Add(-transcriptsKept))},
		} {
			n, err := tx.Exec(ctx, q.query, q.arg)
			if err != nil {
				return err
			}
			removed += n
		}
		_, err := tx.Exec(ctx, "DELETE FROM spending_messages WHERE source NOT IN (SELECT source FROM transcripts)")
		return err
	})
	return removed, explainWork("remove what was spent long ago", err)
}
