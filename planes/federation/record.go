package federation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"gastown/planes/doltdb"
	"gastown/sync/policy"
	"gastown/town"
)

// FileEdit is what a person did to one file.
type FileEdit struct {
	town.Key
	// Removed says that the file is gone; Text is then empty.
	Removed bool
	Text    string
	// Read, if not nil, gives Text when it is needed, so that not all texts are
	// held at once; Size is its length. It may be called more than once, and from
	// another goroutine. With ok false the edit is left for a later call.
	Read func(context.Context) (text string, ok bool, err error)
	Size int64
	// Version is the semantic version a formula declares.
	Version string
	// Base is the digest of the row the file showed when it was edited, and
	// BaseContent that row's text digest; both empty for a new file.
	Base, BaseContent town.Digest
}

// Recorded says what became of edits.
type Recorded struct {
	// Commit is empty when the edits changed no row. Parent is the commit before it.
	Commit, Parent string
	// Rows gives the digest of the row now in force for each edit whose text is
	// in force; an absent document has "".
	Rows map[town.Key]town.Digest
	// Lost are documents whose file shows a text that is not in force: the row
	// must be written over it. The text itself is archived or proposed.
	Lost []town.Key
	// Left are documents whose Read had no text.
	Left []town.Key
	// Notes are for people, one line for each conflict.
	Notes []string
	// Edits counts rows that changed.
	Edits int
}

// Record turns edited files into rows, in one commit. An edit of an older row than
// the one now in force is a conflict, decided like one between Towns: the row is
// "theirs", the file "ours".
func (s *Store) Record(ctx context.Context, message string, edits []FileEdit) (Recorded, error) {
	var out Recorded
	byKind := map[town.Kind][]FileEdit{}
	for _, e := range edits {
		byKind[e.Kind] = append(byKind[e.Kind], e)
	}
	commit, err := s.db.Update(ctx, message, func(tx *doltdb.Tx) error {
		out = Recorded{Rows: make(map[town.Key]town.Digest, len(edits))}
		var err error
		if out.Parent, err = tx.Head(ctx); err != nil {
			return err
		}
		for _, k := range town.Kinds {
			parts, err := byWidth(ctx, tx, k, byKind[k])
			if err != nil {
				return err
			}
			for batch := range ahead(ctx, parts) {
				if batch.err != nil {
					return batch.err
				}
				out.Left = append(out.Left, batch.left...)
				if err := s.recordBatch(ctx, tx, k, batch.edits, &out); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return Recorded{}, fmt.Errorf("record edits: %w", err)
	}
	out.Commit = commit
	return out, nil
}

func (s *Store) recordBatch(ctx context.Context, tx *doltdb.Tx, k town.Kind, edits []FileEdit, out *Recorded) error {
	names, err := known(ctx, tx, k, edits)
	if err != nil {
		return err
	}
	current, err := editsByName(ctx, tx, k, "", names)
	if err != nil {
		return err
	}
	changes := s.newChangeset()
	if err := changes.stood(ctx, tx, k, edits); err != nil {
		return err
	}
	for _, e := range edits {
		if k == town.KindTemplate {
			if err := s.recordIssue(changes, e, plain(current[e.Name]), out); err != nil {
				return err
			}
			continue
		}
		var cur *town.Edit
		if rows := current[e.Name]; len(rows) > 0 {
			cur = &rows[0].Edit
		}
		if err := s.recordRow(ctx, tx, changes, e, cur, out); err != nil {
			return err
		}
	}
	return changes.write(ctx, tx)
}

// stood reads the ranks of the documents that edits are of. Most planes have none.
func (c *changeset) stood(ctx context.Context, tx *doltdb.Tx, k town.Kind, edits []FileEdit) error {
	var one int
	err := tx.QueryRow(ctx, "SELECT 1 FROM ranks LIMIT 1").Scan(&one)
	if errors.Is(err, doltdb.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	names := make([]string, len(edits))
	for i, e := range edits {
		names[i] = e.Name
	}
	return c.rise(ctx, tx, k, names)
}

// recordRow records an edit of a role or formula.
func (s *Store) recordRow(ctx context.Context, tx *doltdb.Tx, c *changeset, e FileEdit, cur *town.Edit, out *Recorded) error {
	if same(e, cur) {
		out.Rows[e.Key] = digest(cur)
		return nil
	}
	ours := s.edit(e, cur)
	if ours != nil {
		ours.Revision = max(ours.Revision, c.after(e.Key, 0))
		c.sign(*ours)
	}
	if digest(cur) == e.Base {
		if ours == nil {
			c.remove(*cur)
		}
		if cur != nil {
			c.retain(*cur)
		}
		c.force(e.Key, ours)
		out.Rows[e.Key] = digest(ours)
		out.Edits++
		return nil
	}
	base, err := archivedEdit(ctx, tx, e.Key, e.BaseContent)
	if err != nil {
		return err
	}
	res, err := policy.Resolve(policy.Conflict{Key: e.Key, Base: base, Ours: ours, Theirs: cur})
	if err != nil {
		return err
	}
	s.apply(c, e.Key, cur, res)
	if res.InForce == nil && cur != nil {
		c.remove(*cur)
	}
	out.Edits++
	if res.Note != "" {
		out.Notes = append(out.Notes, res.Note)
	}
	if digest(res.InForce) == digest(ours) {
		out.Rows[e.Key] = digest(ours)
	} else {
		out.Lost = append(out.Lost, e.Key)
	}
	return nil
}

// recordIssue records an edit of a template: a new issue.
func (s *Store) recordIssue(c *changeset, e FileEdit, issues []town.Edit, out *Recorded) error {
	cur := shown(issues)
	if same(e, cur) {
		out.Rows[e.Key] = digest(cur)
		return nil
	}
	if len(issues) >= lastIssue && !e.Removed {
		return full(e.Key)
	}
	next := s.edit(e, last(issues))
	next = issue(e, next, issues)
	next.Revision = max(next.Revision, c.after(e.Key, 0))
	c.sign(*next)
	out.Edits++
	if digest(cur) == e.Base {
		c.append = append(c.append, *next)
		out.Rows[e.Key] = shownDigest(*next)
		return nil
	}
	base := issues[:0:0]
	for i := range issues {
		if issues[i].Digest() == e.Base {
			base = issues[:i+1]
		}
	}
	ours := append(slices.Clone(base), *issue(e, next, base))
	merged, notes := policy.Templates(base, ours, issues)
	c.issues[e.Name] = merged
	out.Notes = append(out.Notes, notes...)
	if now := shown(merged); same(e, now) {
		out.Rows[e.Key] = digest(now)
	} else {
		out.Lost = append(out.Lost, e.Key)
	}
	return nil
}

// edit is the row a file's edit becomes when it follows cur; nil for a removal.
func (s *Store) edit(e FileEdit, cur *town.Edit) *town.Edit {
	next := &town.Edit{Key: e.Key, Text: e.Text, Version: e.Version, Revision: 1, Town: s.Town, Author: s.Author}
	if cur != nil {
		next.Revision = cur.Revision + 1
	}
	if e.Kind == town.KindRole {
		next.Version = "" // a role has no place for one
	}
	if e.Removed && e.Kind != town.KindTemplate {
		return nil
	}
	return next
}

// issue is next as the issue that follows others. Their numbers may have gaps where
// another program removed some.
func issue(e FileEdit, next *town.Edit, others []town.Edit) *town.Edit {
	n := 1
	if before := last(others); before != nil {
		n = number(*before) + 1
	}
	i := *next
	i.Version, i.Deleted = strconv.Itoa(n), e.Removed
	return &i
}

// apply turns a resolution into changes. cur is the row now in force.
func (s *Store) apply(c *changeset, key town.Key, cur *town.Edit, res policy.Resolution) {
	c.retain(res.Archive...)
	// A proposed removal has no writer, because the absent row does not say who
	// removed it, and Towns that merge it independently must make the same proposal.
	c.offer(res.Propose...)
	if digest(res.InForce) != digest(cur) {
		c.force(key, res.InForce)
	}
}

// same reports that the file already shows the row in force.
func same(e FileEdit, cur *town.Edit) bool {
	if cur == nil || e.Removed {
		return cur == nil && e.Removed
	}
	return cur.Text == e.Text
}

// digest identifies a row; "" for an absent one.
func digest(e *town.Edit) town.Digest {
	if e == nil {
		return ""
	}
	return e.Digest()
}

// plain are the edits of rows, without their stored digests.
func plain(rows []row) []town.Edit {
	edits := make([]town.Edit, len(rows))
	for i, r := range rows {
		edits[i] = r.Edit
	}
	return edits
}

// number is an issue's number; 0 when it has none.
func number(e town.Edit) int {
	n, err := strconv.Atoi(e.Version)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func last(issues []town.Edit) *town.Edit {
	if len(issues) == 0 {
		return nil
	}
	return &issues[len(issues)-1]
}

// shown is the issue a template's file shows; nil when there is no file.
func shown(issues []town.Edit) *town.Edit {
	if e := last(issues); e != nil && !e.Deleted {
		return e
	}
	return nil
}

func shownDigest(e town.Edit) town.Digest { return digest(shown([]town.Edit{e})) }

// archivedEdit finds an archived text; nil when there is none.
func archivedEdit(ctx context.Context, tx *doltdb.Tx, key town.Key, content town.Digest) (*town.Edit, error) {
	if content == "" {
		return nil, nil
	}
	e := town.Edit{Key: key}
	err := tx.QueryRow(ctx, "SELECT version, text FROM archive WHERE kind = ? AND name = ? AND digest = ?",
		string(key.Kind), key.Name, string(content)).Scan(&e.Version, &e.Text)
	if err == doltdb.ErrNoRows {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &e, nil
}
