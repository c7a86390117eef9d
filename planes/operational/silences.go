package operational

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// silenceSchema holds which alerts are sent to nobody for a while.
var silenceSchema = doltdb.Migration{
	Name: "silences",
	Statements: []string{
		`CREATE TABLE silences (
			id VARCHAR(16) PRIMARY KEY, matchers VARCHAR(4096) NOT NULL, comment VARCHAR(512) NOT NULL, actor VARCHAR(255) NOT NULL,
			begins DATETIME(6) NOT NULL, ends DATETIME(6) NOT NULL, changed DATETIME(6) NOT NULL, INDEX idx_ends (ends))`,
	},
}

// The kinds of the feed's events about silences: one was set, and one was ended before
// its time.
const (
	SilenceSet   = "silence.set"
	SilenceEnded = "silence.ended"
)

// Limits of silences.
const (
	// MaxSilences is how many silences may be in force at once.
	MaxSilences = 200
	// maxMatchers is how many matchers one has, maxMatcher how long one is, in bytes.
	maxMatchers, maxMatcher = 10, 300
)

// Silence keeps alerts from being sent while it is in force.
type Silence struct {
	ID string `json:"id"`
	// Matchers are what the labels of an alert must all match, such as
	// severity="warning"; whoever sets one has checked them.
	Matchers []string `json:"matchers"`
	Comment  string   `json:"comment,omitempty"`
	By       string   `json:"by"`
	// Begins and Ends bound it. Changed is when it was set or ended.
	Begins  time.Time `json:"begins"`
	Ends    time.Time `json:"ends"`
	Changed time.Time `json:"changed"`
}

// Active reports whether it is in force.
func (s Silence) Active(now time.Time) bool { return !now.Before(s.Begins) && now.Before(s.Ends) }

// SetSilence stores a silence that ends later, and returns it with its id. When the same
// matchers are silent already, that silence gets the new end and comment.
func (s *Store) SetSilence(ctx context.Context, l Silence, now time.Time) (Silence, error) {
	now = moment(now)
	if l.Begins.IsZero() {
		l.Begins = now
	}
	l.Begins, l.Ends, l.Changed = moment(l.Begins), moment(l.Ends), now
	l.Comment, l.By = oneLine(l.Comment, 500), oneLine(l.By, 250)
	refuse := func(format string, args ...any) (Silence, error) {
		return l, explainWork("set a silence", fmt.Errorf("%w: %s", town.ErrRefused, fmt.Sprintf(format, args...)))
	}
	if len(l.Matchers) == 0 || len(l.Matchers) > maxMatchers {
		return refuse("it has %d matchers; 1 to %d are allowed", len(l.Matchers), maxMatchers)
	}
	l.Matchers = slices.Clone(l.Matchers)
	slices.Sort(l.Matchers)
	for _, m := range l.Matchers {
		if len(m) > maxMatcher || m != oneLine(m, maxMatcher) {
			return refuse("%q is no matcher of one line and %d bytes", town.Clip(m, 80), maxMatcher)
		}
	}
	if !l.Ends.After(now) || !l.Ends.After(l.Begins) {
		return refuse("it would end at %s, which is not later than it begins", l.Ends.Format(time.RFC3339))
	}
	err := s.db.Write(ctx, func(tx *doltdb.Tx) error {
		active, err := silences(ctx, tx, "WHERE ends > ?", stamp(now))
		if err != nil {
			return err
		}
		l.ID = string(town.DigestOf(append([]string{"silence", stamp(now), l.By}, l.Matchers...)...))[:10]
		i := slices.IndexFunc(active, func(o Silence) bool { return slices.Equal(o.Matchers, l.Matchers) })
		switch {
		case i >= 0:
			l.ID = active[i].ID
			if active[i].Begins.Before(l.Begins) {
				l.Begins = active[i].Begins
			}
		case len(active) >= MaxSilences:
			return fmt.Errorf("%w: %d silences are in force, and there may be no more", town.ErrRefused, len(active))
		}
		text, _ := json.Marshal(l.Matchers) // strings: never fails
		if err := write(ctx, tx, doltdb.Replace, "silences", silenceColumns,
			[][]any{{l.ID, string(text), l.Comment, l.By, stamp(l.Begins), stamp(l.Ends), stamp(now)}}); err != nil {
			return err
		}
		return s.note(ctx, tx, l.entry(SilenceSet, "until "+l.Ends.Format(time.RFC3339)+": ", l.By, now))
	})
	return l, explainWork("set a silence", err)
}

// EndSilence ends a silence now. found is false if no such one is in force or to come.
func (s *Store) EndSilence(ctx context.Context, id, by string, now time.Time) (found bool, err error) {
	now = moment(now)
	err = s.db.Write(ctx, func(tx *doltdb.Tx) error {
		list, err := silences(ctx, tx, "WHERE id = ? AND ends > ?", id, stamp(now))
		if found = len(list) > 0; err != nil || !found {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE silences SET ends = ?, changed = ? WHERE id = ?", stamp(now), stamp(now), id); err != nil {
			return err
		}
		return s.note(ctx, tx, list[0].entry(SilenceEnded, "", by, now))
	})
	return found, explainWork("end the silence "+town.Clip(id, 64), err)
}

func (s Silence) entry(kind, before, by string, now time.Time) Entry {
	matchers, _ := json.Marshal(s.Matchers) // strings: never fails
	return Entry{At: now, Kind: kind, Subject: s.ID, Actor: by, Detail: before + string(matchers), Data: data("silence", s.ID)}
}

// Silences returns the silences that end after since, the first to end first.
func (s *Store) Silences(ctx context.Context, since time.Time) (list []Silence, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		list, err = silences(ctx, tx, "WHERE ends > ?", stamp(since))
		return err
	})
	return list, explainWork("read the silences", err)
}

const silenceColumns = "id, matchers, comment, actor, begins, ends, changed"

func silences(ctx context.Context, tx *doltdb.Tx, where string, args ...any) (list []Silence, err error) {
	err = tx.Each(ctx, func(rows *doltdb.Rows) error {
		var l Silence
		var matchers string
		if err := rows.Scan(&l.ID, &matchers, &l.Comment, &l.By, &l.Begins, &l.Ends, &l.Changed); err != nil {
			return err
		}
		l.Begins, l.Ends, l.Changed = l.Begins.UTC(), l.Ends.UTC(), l.Changed.UTC()
		if json.Unmarshal([]byte(matchers), &l.Matchers) != nil {
			l.Matchers = nil // another program spoilt them: it silences nothing
		}
		list = append(list, l)
		return nil
	}, "SELECT "+silenceColumns+" FROM silences "+where+" ORDER BY ends, id", args...)
	return list, err
}
