package federation

import (
	"context"
	"errors"
	"strconv"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// logColumns are those of a LogEntry. Who wrote a commit is its author. Its committer
// may be somebody who only passed it on.
const logColumns = "commit_hash, COALESCE(NULLIF(author, ''), committer), COALESCE(NULLIF(author_email, ''), email), date, message"

// LogEntry is one commit of the plane.
type LogEntry struct {
	Commit  string    `json:"commit"`
	Author  string    `json:"author"`
	Email   string    `json:"email"`
	Date    time.Time `json:"date"`
	Message string    `json:"message"`
}

// Log lists the newest commits, newest first, at most limit.
func (s *Store) Log(ctx context.Context, limit int) (entries []LogEntry, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		return tx.Each(ctx, func(r *doltdb.Rows) error {
			var e LogEntry
			err := r.Scan(&e.Commit, &e.Author, &e.Email, &e.Date, &e.Message)
			entries = append(entries, e)
			return err
		}, "SELECT "+logColumns+" FROM dolt_log LIMIT "+strconv.Itoa(max(limit, 0)))
	})
	return entries, err
}

// errEnough ends a read that has found enough.
var errEnough = errors.New("enough")

// LogOf is Log for the commits that changed one document, whoever wrote them. As in
// git, a merge counts only where its document differs from that of every parent; a
// commit that only mends digests changes none. It reads the whole history of the
// plane.
func (s *Store) LogOf(ctx context.Context, key town.Key, limit int) (entries []LogEntry, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		changed, err := changers(ctx, tx, key)
		if err != nil {
			return err
		}
		err = tx.Each(ctx, func(r *doltdb.Rows) error {
			if len(entries) >= limit {
				return errEnough
			}
			var e LogEntry
			err := r.Scan(&e.Commit, &e.Author, &e.Email, &e.Date, &e.Message)
			if changed[e.Commit] {
				entries = append(entries, e)
			}
			return err
		}, "SELECT "+logColumns+" FROM dolt_log")
		if errors.Is(err, errEnough) {
			return nil
		}
		return err
	})
	return entries, err
}

// changers finds the commits at which a document differs from every parent's.
func changers(ctx context.Context, tx *doltdb.Tx, key town.Key) (map[string]bool, error) {
	content := map[town.Kind]string{ // of a row: another program may not set its digest
		town.KindRole: "SHA2(text, 256)", town.KindFormula: "CONCAT(SHA2(text, 256), version)",
		town.KindTemplate: "CONCAT(SHA2(text, 256), deleted, '.', version)",
	}[key.Kind]
	at := map[string]string{} // what the document was; a template is all its issues
	err := tx.Each(ctx, func(r *doltdb.Rows) error {
		var commit, row string
		err := r.Scan(&commit, &row)
		at[commit] += row
		return err
	}, "SELECT commit_hash, "+content+" AS row_content FROM dolt_history_"+rowTable(key.Kind)+" WHERE name = ? ORDER BY commit_hash, row_content", key.Name)
	if err != nil {
		return nil, err
	}
	changed, same := map[string]bool{}, map[string]bool{}
	err = tx.Each(ctx, func(r *doltdb.Rows) error {
		var commit string
		var parent *string
		if err := r.Scan(&commit, &parent); err != nil {
			return err
		}
		before := ""
		if parent != nil {
			before = at[*parent]
		}
		if at[commit] == before {
			same[commit] = true
		} else {
			changed[commit] = true
		}
		return nil
	}, "SELECT commit_hash, parent_hash FROM dolt_commit_ancestors")
	for commit := range same {
		delete(changed, commit)
	}
	return changed, err
}
