package federation

import (
	"context"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/town"
)

// batchSize is how many rows one statement reads or writes.
const batchSize = 500

func placeholders(n int) string {
	return "(" + strings.TrimSuffix(strings.Repeat("?, ", n), ", ") + ")"
}

// insert writes rows of one table with as few statements as batchSize allows.
// verb is "INSERT", "INSERT IGNORE" or "REPLACE".
func insert(ctx context.Context, tx *doltdb.Tx, verb, table, columns string, rows [][]any) error {
	for batch := range slices.Chunk(rows, batchSize) {
		tuple := placeholders(len(batch[0]))
		args := make([]any, 0, len(batch)*len(batch[0]))
		for _, r := range batch {
			args = append(args, r...)
		}
		query := verb + " INTO " + table + " (" + columns + ") VALUES " +
			strings.TrimSuffix(strings.Repeat(tuple+", ", len(batch)), ", ")
		if _, err := tx.Exec(ctx, query, args...); err != nil {
			return err
		}
	}
	return nil
}

// editsByName reads the rows of one kind for some names; a template has a row
// for each issue. Revision "" reads the session's own state.
func editsByName(ctx context.Context, tx *doltdb.Tx, k town.Kind, revision string, names []string) (map[string][]row, error) {
	from := rowTable(k)
	if revision != "" {
		asOf, err := doltdb.AsOf(revision)
		if err != nil {
			return nil, err
		}
		from += asOf
	}
	found := make(map[string][]row, len(names))
	for batch := range slices.Chunk(names, batchSize) {
		args := make([]any, len(batch))
		for i, n := range batch {
			args[i] = n
		}
		err := tx.Each(ctx, func(rows *doltdb.Rows) error {
			r, err := scanEdit(rows, k)
			if err == nil {
				found[r.Name] = append(found[r.Name], r)
			}
			return err
		}, "SELECT "+columns(k)+" FROM "+from+" WHERE name IN "+placeholders(len(batch)), args...)
		if err != nil {
			return nil, err
		}
	}
	if k == town.KindTemplate {
		for _, issues := range found {
			slices.SortFunc(issues, func(a, b row) int { return number(a.Edit) - number(b.Edit) })
		}
	}
	return found, nil
}

// changeset collects what one transaction writes, so that it goes out in
// batches. Later puts and removals of one key replace earlier ones.
type changeset struct {
	put     map[town.Key]town.Edit
	gone    map[town.Key]bool
	issues  map[string][]town.Edit // template name -> all its issues, rewritten
	append  []town.Edit            // new issues of templates
	archive map[archived]town.Edit
	propose map[town.Digest]town.Proposal
}

type archived struct {
	town.Key
	content town.Digest
}

func newChangeset() *changeset {
	return &changeset{
		put: map[town.Key]town.Edit{}, gone: map[town.Key]bool{}, issues: map[string][]town.Edit{},
		archive: map[archived]town.Edit{}, propose: map[town.Digest]town.Proposal{},
	}
}

// force makes e the row of its key; nil removes the row.
func (c *changeset) force(key town.Key, e *town.Edit) {
	delete(c.put, key)
	delete(c.gone, key)
	if e == nil {
		c.gone[key] = true
		return
	}
	c.put[key] = *e
}

func (c *changeset) keep(edits ...town.Edit) {
	for _, e := range edits {
		c.archive[archived{e.Key, e.Content()}] = e
	}
}

func (c *changeset) offer(proposals ...town.Proposal) {
	for _, p := range proposals {
		c.propose[p.ID()] = p
	}
}

// write sends the collected changes.
func (c *changeset) write(ctx context.Context, tx *doltdb.Tx) error {
	rows := map[town.Kind][][]any{}
	for _, e := range c.put {
		rows[e.Kind] = append(rows[e.Kind], values(e))
	}
	for _, k := range []town.Kind{town.KindRole, town.KindFormula} {
		if err := insert(ctx, tx, "REPLACE", rowTable(k), columns(k), rows[k]); err != nil {
			return err
		}
	}
	for key := range c.gone {
		if _, err := tx.Exec(ctx, "DELETE FROM "+rowTable(key.Kind)+" WHERE name = ?", key.Name); err != nil {
			return err
		}
	}
	var issues [][]any
	for _, e := range c.append {
		issues = append(issues, values(e))
	}
	for name, list := range c.issues {
		if _, err := tx.Exec(ctx, "DELETE FROM templates WHERE name = ?", name); err != nil {
			return err
		}
		for _, e := range list {
			issues = append(issues, values(e))
		}
	}
	if err := insert(ctx, tx, "INSERT", "templates", columns(town.KindTemplate), issues); err != nil {
		return err
	}
	return c.writeKept(ctx, tx)
}

func (c *changeset) writeKept(ctx context.Context, tx *doltdb.Tx) error {
	var kept, proposed [][]any
	for at, e := range c.archive {
		kept = append(kept, []any{string(e.Kind), e.Name, string(at.content), e.Version, e.Text})
	}
	if err := insert(ctx, tx, "INSERT IGNORE", "archive", "kind, name, digest, version, text", kept); err != nil {
		return err
	}
	for id, p := range c.propose {
		proposed = append(proposed, []any{string(id), string(p.Kind), p.Name, p.Delete, p.Base, p.Text, p.Revision, string(p.Town), p.Author})
	}
	return insert(ctx, tx, "INSERT IGNORE", "proposals", proposalColumns, proposed)
}

const proposalColumns = "id, kind, name, removal, base, text, revision, town, author"
