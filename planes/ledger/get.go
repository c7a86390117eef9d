package ledger

import (
	"context"
	"slices"
	"strings"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Get returns beads in the order asked for, in one query. fields restricts what
// is read; nil means everything. An id may be shortened as for Resolve, which
// costs one more query. When ids are unknown, nothing is returned, and the
// BatchError has an UnknownError for each.
func (s *Store) Get(ctx context.Context, ids []string, fields Fields) ([]Detail, error) {
	// A server that is not ours would have to be asked for its state first,
	// which costs more than it saves.
	if s.caches != nil && s.fingerprint.generation != nil {
		return s.shortGet(ctx, ids, fields)
	}
	details, _, err := s.getFull(ctx, ids, fields)
	return details, err
}

// getFull is Get that also returns the full ids of short ones.
func (s *Store) getFull(ctx context.Context, ids []string, fields Fields) (_ []Detail, full map[string]string, err error) {
	found, err := s.get(ctx, ids, fields)
	if err != nil {
		return nil, nil, err
	}
	var short []string
	for _, id := range ids {
		if found[id] == nil {
			short = append(short, id)
		}
	}
	if len(short) > 0 {
		if full, err = s.resolve(ctx, ids, short); err != nil {
			return nil, nil, err
		}
		more, err := s.get(ctx, slices.Collect(mapValues(full)), fields)
		if err != nil {
			return nil, nil, err
		}
		for id, d := range more {
			found[id] = d
		}
	}
	details := make([]Detail, 0, len(ids))
	for i, id := range ids {
		if found[id] == nil {
			id = full[id]
		}
		if found[id] == nil { // deleted since it was resolved
			return nil, nil, &BatchError{[]Entry{{Index: i, ID: id, Err: &UnknownError{ID: id}}}}
		}
		details = append(details, *found[id])
	}
	return details, full, nil
}

// batchRows is how many ids one statement carries.
const batchRows = 1000

// get reads the beads with exactly these ids. Ids that do not exist are left
// out.
func (s *Store) get(ctx context.Context, ids []string, fields Fields) (map[string]*Detail, error) {
	if s.caches != nil {
		return s.cachedGet(ctx, ids, fields)
	}
	return s.getRows(ctx, ids, fields)
}

func (s *Store) getRows(ctx context.Context, ids []string, fields Fields) (map[string]*Detail, error) {
	found := make(map[string]*Detail, len(ids))
	err := s.read(ctx, func(q txn) error {
		for part := range slices.Chunk(ids, batchRows) {
			if err := q.details(ctx, part, fields, found); err != nil {
				return err
			}
		}
		return nil
	})
	for _, d := range found {
		d.settle(fields)
	}
	return found, err
}

// A UNION query returns rows of several kinds; the first column says which.
const (
	rowBead      = "b"
	rowLabel     = "l"
	rowNeeds     = "d"
	rowNeeded    = "r"
	rowCommented = "c"
)

// details reads beads with their labels, links and comments in one query.
func (q txn) details(ctx context.Context, ids []string, fields Fields, found map[string]*Detail) error {
	cols := fields.columns()
	in := " IN (" + marks(len(ids)) + ")"
	blank := strings.TrimSuffix(strings.Repeat("NULL, ", len(cols)), ", ")
	// The engine confuses columns of a UNION that have the same name, so each
	// has its own.
	arms := []string{
		"SELECT '" + rowBead + "' AS k, i.id AS o, '' AS w, '' AS t, NULL AS a, '' AS b, NULL AS m, NULL AS h, " + names("i.", cols) +
			" FROM issues i WHERE i.id" + in,
	}
	if fields.has("labels") {
		arms = append(arms, "SELECT '"+rowLabel+"' AS k, l.issue_id AS o, l.label AS w, '' AS t, NULL AS a, '' AS b, NULL AS m, NULL AS h, "+blank+
			" FROM labels l WHERE l.issue_id"+in)
	}
	if fields.hasAny("dependencies", "dependency_count", "parent") {
		other, join := blank, ""
		if fields.has("dependencies") {
			other, join = names("i.", cols), " LEFT JOIN issues i ON i.id = d.depends_on_id"
		}
		arms = append(arms, "SELECT '"+rowNeeds+"' AS k, d.issue_id AS o, d.type AS w, d.depends_on_id AS t, d.created_at AS a, d.created_by AS b, d.metadata AS m, d.thread_id AS h, "+
			other+" FROM dependencies d"+join+" WHERE d.issue_id"+in)
	}
	if fields.hasAny("dependents", "dependent_count") {
		other, join := blank, ""
		if fields.has("dependents") {
			other, join = names("i.", cols), " LEFT JOIN issues i ON i.id = d.issue_id"
		}
		arms = append(arms, "SELECT '"+rowNeeded+"' AS k, d.depends_on_id AS o, d.type AS w, d.issue_id AS t, d.created_at AS a, d.created_by AS b, d.metadata AS m, d.thread_id AS h, "+
			other+" FROM dependencies d"+join+" WHERE d.depends_on_id"+in)
	}
	if fields.hasAny("comments", "comment_count") {
		arms = append(arms, "SELECT '"+rowCommented+"' AS k, c.issue_id AS o, c.id AS w, c.text AS t, c.created_at AS a, c.author AS b, NULL AS m, NULL AS h, "+blank+
			" FROM comments c WHERE c.issue_id"+in)
	}
	var args []any
	for range arms {
		for _, id := range ids {
			args = append(args, id)
		}
	}
	var parts []part
	err := q.each(ctx, func(rows *doltdb.Rows) error {
		var p part
		dest := []any{&p.kind, &p.of, textTo{&p.word}, textTo{&p.text}, timeTo{&p.at}, textTo{&p.by}, textTo{&p.metadata}, textTo{&p.thread}}
		for _, c := range cols {
			dest = append(dest, c.into(&p.bead))
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if err := q.collect(textSize(&p.bead) + int64(len(p.text)+len(p.metadata))); err != nil {
			return err
		}
		if p.kind == rowBead {
			found[p.of] = &Detail{Item: Item{Bead: p.bead}}
		} else {
			parts = append(parts, p)
		}
		return nil
	}, strings.Join(arms, " UNION ALL "), args...)
	for _, p := range parts {
		if d := found[p.of]; d != nil {
			d.take(p)
		}
	}
	return err
}

// part is one row of a UNION query.
type part struct {
	kind, of, word, text string
	at                   time.Time
	by, metadata, thread string
	bead                 town.Bead
}

func (d *Detail) take(p part) {
	linked := Linked{Bead: p.bead, Type: town.DepType(p.word), LinkedAt: p.at, LinkedBy: p.by, LinkMetadata: p.metadata, Thread: p.thread}
	linked.ID = p.text
	switch p.kind {
	case rowLabel:
		d.Labels = append(d.Labels, p.word)
	case rowNeeds:
		d.Dependencies = append(d.Dependencies, linked)
	case rowNeeded:
		d.Dependents = append(d.Dependents, linked)
	case rowCommented:
		d.Comments = append(d.Comments, town.Comment{ID: p.word, Bead: p.of, Text: p.text, CreatedAt: p.at, Author: p.by})
	}
}

// settle sorts and counts the lists.
func (d *Detail) settle(fields Fields) {
	d.DependencyCount, d.DependentCount, d.CommentCount = len(d.Dependencies), len(d.Dependents), len(d.Comments)
	slices.Sort(d.Labels)
	slices.SortFunc(d.Comments, func(a, b town.Comment) int {
		if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	for _, list := range [][]Linked{d.Dependencies, d.Dependents} {
		slices.SortFunc(list, func(a, b Linked) int {
			if c := strings.Compare(a.ID, b.ID); c != 0 {
				return c
			}
			return strings.Compare(string(a.Type), string(b.Type))
		})
	}
	for _, l := range d.Dependencies {
		if l.Type == town.DepParent && fields.has("parent") {
			d.Parent = l.ID
		}
	}
	d.drop(fields)
}

// drop clears the lists that were read only to be counted.
func (d *Detail) drop(fields Fields) {
	if !fields.has("dependencies") {
		d.Dependencies = nil
	}
	if !fields.has("dependents") {
		d.Dependents = nil
	}
	if !fields.has("comments") {
		d.Comments = nil
	}
}
