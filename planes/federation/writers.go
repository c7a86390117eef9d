package federation

import (
	"context"
	"slices"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Writer is who wrote a text.
type Writer struct {
	// Town is empty if a program other than gt wrote it.
	Town   town.ID
	Author string
}

// Writers tells, for the texts that a document has or had, who put each in force
// last. A row that gt wrote names its writer. One that another program changed still
// names the writer of the row before, so its writer is the author of the commit. It
// reads the whole history of the plane.
func (s *Store) Writers(ctx context.Context, key town.Key) (map[town.Digest]Writer, error) {
	writers := map[town.Digest]Writer{}
	err := s.db.View(ctx, func(tx *doltdb.Tx) error {
		changed, err := changers(ctx, tx, key)
		if err != nil {
			return err
		}
		var commits []LogEntry
		err = tx.Each(ctx, func(r *doltdb.Rows) error {
			var e LogEntry
			err := r.Scan(&e.Commit, &e.Author, &e.Email, &e.Date, &e.Message)
			if changed[e.Commit] {
				commits = append(commits, e)
			}
			return err
		}, "SELECT "+logColumns+" FROM dolt_log")
		if err != nil {
			return err
		}
		for _, c := range slices.Backward(commits) {
			rows, err := editsByName(ctx, tx, key.Kind, c.Commit, []string{key.Name})
			if err != nil {
				return err
			}
			for _, r := range rows[key.Name] {
				_, known := writers[r.Content()]
				if known && key.Kind == town.KindTemplate {
					continue // an issue stays when others follow
				}
				w := Writer{Town: r.Town, Author: r.Author}
				if !r.intact() {
					w = Writer{Author: town.Actor{Name: c.Author, Email: c.Email}.String()}
				}
				writers[r.Content()] = w
			}
		}
		return nil
	})
	return writers, err
}
