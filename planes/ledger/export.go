package ledger

import (
	"context"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Export calls yield for every bead that the filter selects, with everything
// that belongs to it. The beads come ordered by id, and the filter's Limit is
// ignored, so two exports of one state are equal. It takes four queries in one
// consistent view, and holds the links, labels and comments of the whole ledger
// in memory. yield must not use the Store.
func (s *Store) Export(ctx context.Context, f Filter, yield func(town.Bead) error) error {
	f.Fields, f.Sort, f.Limit, f.Offset = nil, []Order{{Field: "id"}}, 0, 0
	order, err := f.order()
	if err != nil {
		return err
	}
	w := f.conditions(s.moment())
	labels, links, comments := map[string][]string{}, map[string][]town.Dependency{}, map[string][]town.Comment{}
	return s.read(ctx, func(q txn) error {
		err := q.each(ctx, func(rows *doltdb.Rows) error {
			var id, label string
			err := rows.Scan(&id, &label)
			labels[id] = append(labels[id], label)
			return err
		}, "SELECT issue_id, label FROM labels ORDER BY issue_id, label")
		if err != nil {
			return err
		}
		err = q.each(ctx, func(rows *doltdb.Rows) error {
			var d town.Dependency
			err := rows.Scan(&d.Bead, &d.Target, &d.Type, timeTo{&d.CreatedAt}, &d.CreatedBy, textTo{&d.Metadata}, textTo{&d.Thread})
			links[d.Bead] = append(links[d.Bead], d)
			return err
		}, "SELECT issue_id, depends_on_id, type, created_at, created_by, metadata, thread_id FROM dependencies ORDER BY issue_id, depends_on_id, type")
		if err != nil {
			return err
		}
		err = q.each(ctx, func(rows *doltdb.Rows) error {
			var c town.Comment
			err := rows.Scan(&c.ID, &c.Bead, &c.Author, &c.Text, timeTo{&c.CreatedAt})
			comments[c.Bead] = append(comments[c.Bead], c)
			return err
		}, "SELECT id, issue_id, author, text, created_at FROM comments ORDER BY issue_id, created_at, id")
		if err != nil {
			return err
		}
		return q.each(ctx, func(rows *doltdb.Rows) error {
			var b town.Bead
			dest := make([]any, len(columns))
			for i, c := range columns {
				dest[i] = c.into(&b)
			}
			if err := rows.Scan(dest...); err != nil {
				return err
			}
			b.Labels, b.Dependencies, b.Comments = labels[b.ID], links[b.ID], comments[b.ID]
			return yield(b)
		}, "SELECT "+names("i.", columns)+" FROM issues i"+w.String()+order, w.args...)
	})
}
