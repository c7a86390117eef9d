package operational

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
	"gastown/town/noise"
)

// tuningSchema holds what gt autotune changed. The settings that people made are in no
// row: they are in the Town's configuration, which autotune never writes.
var tuningSchema = doltdb.Migration{
	Name: "tuning",
	Statements: []string{
		`CREATE TABLE tuning (
			id BIGINT PRIMARY KEY, setting VARCHAR(64) NOT NULL, was VARCHAR(64) NOT NULL, value VARCHAR(64) NOT NULL, cause VARCHAR(512) NOT NULL,
			figure VARCHAR(128) NOT NULL, before_it VARCHAR(512) NOT NULL, since_it VARCHAR(512) NOT NULL, state VARCHAR(16) NOT NULL,
			why VARCHAR(512) NOT NULL, at DATETIME(6) NOT NULL, ended DATETIME(6))`,
	},
}

// TuningState says what became of a change.
type TuningState string

// The states of a change. Its value is in force in the first two.
const (
	// TuningTrying: it is in force and its figure is watched. There is one at most.
	TuningTrying TuningState = "trying"
	// TuningKept: its figure became better by more than noise.
	TuningKept TuningState = "kept"
	// TuningTakenBack: it did not.
	TuningTakenBack TuningState = "taken back"
	// TuningUndone: a person took it back.
	TuningUndone TuningState = "undone"
	// TuningOvertaken: a person set the setting.
	TuningOvertaken TuningState = "overtaken"
)

// TuningStates lists every state.
var TuningStates = []TuningState{TuningTrying, TuningKept, TuningTakenBack, TuningUndone, TuningOvertaken}

// InForce reports whether a change in this state sets its value.
func (s TuningState) InForce() bool { return s == TuningTrying || s == TuningKept }

// TuningPrefix begins the kinds of the feed's events about changes of settings. The state
// follows, with _ for a space; the subject is the setting.
const TuningPrefix = "tuning."

// keptTunings is how many rows there are: the oldest that are not in force go first.
const keptTunings = 500

// Tuning is one change of a setting by autotune.
type Tuning struct {
	// ID is given when it is stored: later ones have higher numbers.
	ID      int64  `json:"id"`
	Setting string `json:"setting"`
	// From and To are values in normal form.
	From string `json:"from"`
	To   string `json:"to"`
	// Cause is what was measured, Figure what is watched: less of it is better. Before
	// and Since describe it in the time before the change and with it.
	Cause  string        `json:"cause"`
	Figure string        `json:"figure"`
	Before noise.Summary `json:"before"`
	Since  noise.Summary `json:"since"`
	State  TuningState   `json:"state"`
	// Why says why it is in its state.
	Why   string    `json:"why"`
	At    time.Time `json:"at"`
	Ended time.Time `json:"ended,omitzero"`
}

const tuningColumns = "id, setting, was, value, cause, figure, before_it, since_it, state, why, at, ended"

// Tunings returns the changes, oldest first. Rows that cannot be used are left out.
func (s *Store) Tunings(ctx context.Context) (all []Tuning, err error) {
	err = s.read(ctx, "what was tuned", func(rows *doltdb.Rows) error {
		t, ok, err := scanTuning(rows)
		if ok {
			all = append(all, t)
		}
		return err
	}, "SELECT "+tuningColumns+" FROM tuning ORDER BY id")
	return all, err
}

func scanTuning(rows interface{ Scan(...any) error }) (t Tuning, ok bool, err error) {
	var before, since, state string
	var ended *time.Time
	if err := rows.Scan(&t.ID, &t.Setting, &t.From, &t.To, &t.Cause, &t.Figure, &before, &since, &state, &t.Why, &t.At, &ended); err != nil {
		return t, false, err
	}
	t.At = t.At.UTC()
	if ended != nil {
		t.Ended = ended.UTC()
	}
	t.State, err = town.ParseWord("state of a change", state, TuningStates)
	ok = errors.Join(err, json.Unmarshal([]byte(before), &t.Before), json.Unmarshal([]byte(since), &t.Since)) == nil
	return t, ok, nil // another program wrote a row that is not ok
}

// Try stores a change that begins, with its event, in one transaction, and returns it with
// its number. It fails with town.ErrBusy while another one is being tried.
func (s *Store) Try(ctx context.Context, t Tuning, now time.Time) (Tuning, error) {
	t.State, t.At, t.Ended, t.Since = TuningTrying, moment(now), time.Time{}, noise.Summary{}
	t.Cause, t.Why, t.Figure = oneLine(t.Cause, 500), oneLine(t.Why, 500), oneLine(t.Figure, 120)
	if len(t.Setting) > 64 || len(t.From) > 64 || len(t.To) > 64 {
		return t, explainWork("try a setting", fmt.Errorf("%w: %q has too long a value", town.ErrUsage, town.Clip(t.Setting, 80)))
	}
	before, since := jsonText(t.Before), jsonText(t.Since)
	err := s.db.Write(ctx, func(tx *doltdb.Tx) error {
		var last, trying int64
		if err := tx.QueryRow(ctx, "SELECT COALESCE(MAX(id), 0), COUNT(CASE WHEN state = 'trying' THEN 1 END) FROM tuning").Scan(&last, &trying); err != nil {
			return err
		}
		if trying > 0 {
			lost, err := s.giveUp(ctx, tx, t.At)
			if err != nil {
				return err
			}
			if trying > lost {
				return fmt.Errorf("%w: another change is being tried", town.ErrBusy)
			}
		}
		t.ID = last + 1
		if _, err := tx.Exec(ctx, "DELETE FROM tuning WHERE id <= ? AND state NOT IN ('trying', 'kept')", last-keptTunings); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO tuning ("+tuningColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
			t.ID, t.Setting, t.From, t.To, t.Cause, t.Figure, before, since, string(t.State), t.Why, stamp(t.At))
		if err != nil {
			return err
		}
		return s.note(ctx, tx, t.entry("gt autotune", t.At))
	})
	return t, explainWork("try a value of "+town.Clip(t.Setting, 64), err)
}

// giveUp takes back the changes that are being tried and that Tunings leaves out, because
// nobody would ever judge them. It returns how many.
func (s *Store) giveUp(ctx context.Context, tx *doltdb.Tx, now time.Time) (n int64, err error) {
	var lost []Tuning
	err = tx.Each(ctx, func(rows *doltdb.Rows) error {
		t, ok, err := scanTuning(rows)
		if !ok {
			lost = append(lost, t)
		}
		return err
	}, "SELECT "+tuningColumns+" FROM tuning WHERE state = ?", string(TuningTrying))
	if err != nil {
		return 0, err
	}
	none := jsonText(noise.Summary{})
	for _, t := range lost {
		t.State, t.Why = TuningTakenBack, "another program has written its row, which cannot be read"
		if _, err := tx.Exec(ctx, "UPDATE tuning SET state = ?, before_it = ?, since_it = ?, why = ?, ended = ? WHERE id = ?",
			string(t.State), none, none, t.Why, stamp(now), t.ID); err != nil {
			return 0, err
		}
		if err := s.note(ctx, tx, t.entry("gt autotune", now)); err != nil {
			return 0, err
		}
	}
	return int64(len(lost)), nil
}

// SettleTuning brings a change that is in force into another state, with its event, in one
// transaction. since is the figure with it. counted is false if it is not in the state
// from any more.
func (s *Store) SettleTuning(ctx context.Context, t Tuning, to TuningState, since noise.Summary, why, actor string, now time.Time) (counted bool, err error) {
	from := t.State
	t.State, t.Since, t.Why = to, since, oneLine(why, 500)
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE tuning SET state = ?, since_it = ?, why = ?, ended = ? WHERE id = ? AND state = ?",
			string(to), jsonText(since), t.Why, stamp(moment(now)), t.ID, string(from))
		if counted = n > 0; err != nil || !counted {
			return err
		}
		return s.note(ctx, tx, t.entry(oneLine(actor, 250), moment(now)))
	})
	return counted && err == nil, explainWork("settle a value of "+town.Clip(t.Setting, 64), err)
}

func jsonText(s noise.Summary) string {
	text, _ := json.Marshal(s) // numbers: fails only for those that are not finite, which Tunings leaves out
	return string(text)
}

// entry is the event that a change came into its state.
func (t Tuning) entry(actor string, now time.Time) Entry {
	detail := fmt.Sprintf("%s from %s to %s: %s", t.Setting, t.From, t.To, t.Why)
	if !t.State.InForce() {
		detail = fmt.Sprintf("%s to %s was %s: %s", t.Setting, t.To, t.State, t.Why)
	}
	return Entry{At: now, Kind: TuningPrefix + strings.ReplaceAll(string(t.State), " ", "_"), Subject: t.Setting, Actor: actor, Detail: detail}
}
