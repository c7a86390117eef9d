package federation

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/town"
)

const (
	// batchSize is how many rows one statement reads at most, and maxBatchBytes how
	// many bytes of text they may have together; a larger text is a batch of its
	// own.
	batchSize     = 500
	maxBatchBytes = 4 << 20
)

// batches cuts a list into parts of at most batchSize elements and
// maxBatchBytes bytes, so that memory does not grow with what is to be done.
func batches[T any](list []T, size func(T) int) iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		from, total := 0, 0
		for i, e := range list {
			n := size(e)
			if i > from && (i-from == batchSize || total+n > maxBatchBytes) {
				if !yield(list[from:i]) {
					return
				}
				from, total = i, 0
			}
			total += n
		}
		if from < len(list) {
			yield(list[from:])
		}
	}
}

// few documents are read at once without a query for their sizes.
const few = maxBatchBytes / town.MaxDocumentBytes

// byName cuts names into batches by the size of their rows at a revision ("" for
// the session's own state).
func byName(ctx context.Context, tx *doltdb.Tx, k town.Kind, revision string, names []string) (iter.Seq[[]string], error) {
	sizes, err := sizesByName(ctx, tx, k, revision, names)
	if err != nil {
		return nil, err
	}
	return batches(names, func(name string) int { return sizes[name] }), nil
}

// sizesByName gives the bytes of text that the rows of each name have; nil where
// there are few names.
func sizesByName(ctx context.Context, tx *doltdb.Tx, k town.Kind, revision string, names []string) (map[string]int, error) {
	if len(names) <= few {
		return nil, nil
	}
	from, err := tableAt(k, revision)
	if err != nil {
		return nil, err
	}
	sizes := make(map[string]int, len(names))
	for batch := range slices.Chunk(names, batchSize) {
		err := tx.Each(ctx, func(rows *doltdb.Rows) error {
			var name string
			var n int
			err := rows.Scan(&name, &n)
			sizes[name] += n
			return err
		}, "SELECT name, OCTET_LENGTH(text) FROM "+from+" WHERE name IN "+placeholders(len(batch)), anys(batch)...)
		if err != nil {
			return nil, err
		}
	}
	return sizes, nil
}

// tableAt is a kind's table at a revision.
func tableAt(k town.Kind, revision string) (string, error) {
	if revision == "" {
		return rowTable(k), nil
	}
	asOf, err := doltdb.AsOf(revision)
	return rowTable(k) + asOf, err
}

func anys(names []string) []any {
	args := make([]any, len(names))
	for i, n := range names {
		args[i] = n
	}
	return args
}

func placeholders(n int) string {
	return "(" + strings.TrimSuffix(strings.Repeat("?, ", n), ", ") + ")"
}

func write(ctx context.Context, tx *doltdb.Tx, mode doltdb.WriteMode, table, columns string, rows [][]any) error {
	_, err := tx.WriteRows(ctx, doltdb.Into{Mode: mode, Table: table, Columns: columns}, slices.Values(rows))
	return err
}

// editsByName reads the rows of one kind for some names; a template has a row
// for each issue. Revision "" reads the session's own state.
func editsByName(ctx context.Context, tx *doltdb.Tx, k town.Kind, revision string, names []string) (map[string][]row, error) {
	return editsBeside(ctx, tx, k, revision, names, nil)
}

// editsBeside is editsByName for rows of which most are as in another result. A text
// that has the same number there is held once.
func editsBeside(ctx context.Context, tx *doltdb.Tx, k town.Kind, revision string, names []string, other map[string][]row) (map[string][]row, error) {
	type place struct{ name, version string }
	texts := map[place]string{}
	for name, rows := range other {
		for _, r := range rows {
			texts[place{name, r.Version}] = r.Text
		}
	}
	found := make(map[string][]row, len(names))
	err := eachByName(ctx, tx, k, revision, names, func(r row) {
		if text, ok := texts[place{r.Name, r.Version}]; ok && text == r.Text {
			r.Text = text
		}
		found[r.Name] = append(found[r.Name], r)
	})
	if err != nil {
		return nil, err
	}
	if k == town.KindTemplate {
		for _, issues := range found {
			slices.SortFunc(issues, func(a, b row) int { return number(a.Edit) - number(b.Edit) })
		}
	}
	return found, nil
}

// newestByName is editsByName, but of a template it returns the newest issue only. So
// it holds one text of each document, however many issues there are.
func newestByName(ctx context.Context, tx *doltdb.Tx, k town.Kind, revision string, names []string) (map[string][]row, error) {
	found := make(map[string][]row, len(names))
	err := eachByName(ctx, tx, k, revision, names, func(r row) {
		if before := found[r.Name]; len(before) == 0 || number(before[0].Edit) < number(r.Edit) {
			found[r.Name] = []row{r}
		}
	})
	return found, err
}

// eachByName reads the rows of one kind for some names.
func eachByName(ctx context.Context, tx *doltdb.Tx, k town.Kind, revision string, names []string, take func(row)) error {
	from, err := tableAt(k, revision)
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(names, batchSize) {
		err := tx.Each(ctx, func(rows *doltdb.Rows) error {
			r, err := scanEdit(rows, k)
			if err == nil {
				take(r)
			}
			return err
		}, "SELECT "+columns(k)+" FROM "+from+" WHERE name IN "+placeholders(len(batch)), anys(batch)...)
		if err != nil {
			return err
		}
	}
	return nil
}

// changeset collects what one transaction writes, so that it goes out in
// batches. Later puts and removals of one key replace earlier ones.
type changeset struct {
	store   *Store
	put     map[town.Key]town.Edit
	gone    map[town.Key]bool
	issues  map[string][]town.Edit // template name -> all its issues, rewritten
	append  []town.Edit            // new issues of templates
	archive map[archived]town.Edit
	propose map[town.Digest]town.Proposal
	// ranks are by this Town. statements are the digests of rows that it signs.
	ranks      []Rank
	statements []town.Digest
	// above has, for documents that have any, the highest level of their ranks.
	above map[town.Key]uint64
}

type archived struct {
	town.Key
	content town.Digest
}

func (s *Store) newChangeset() *changeset {
	return &changeset{
		store: s, put: map[town.Key]town.Edit{}, gone: map[town.Key]bool{}, issues: map[string][]town.Edit{},
		archive: map[archived]town.Edit{}, propose: map[town.Digest]town.Proposal{}, above: map[town.Key]uint64{},
	}
}

// Rows are written in the order of their keys.
func compareKeys(a, b town.Key) int {
	return cmp.Or(strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Name, b.Name))
}

func compareArchived(a, b archived) int {
	return cmp.Or(compareKeys(a.Key, b.Key), strings.Compare(string(a.content), string(b.content)))
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

// retain archives the texts of edits.
func (c *changeset) retain(edits ...town.Edit) {
	for _, e := range edits {
		c.archive[archived{e.Key, e.Content()}] = e
	}
}

// sign has this Town sign edits that it wrote.
func (c *changeset) sign(edits ...town.Edit) {
	for _, e := range edits {
		c.statements = append(c.statements, statement(e))
		c.lead(e.Key, statement(e), e.Revision)
	}
}

// after is the first revision after another one that nothing of the document has yet.
func (c *changeset) after(key town.Key, revision uint64) uint64 {
	return max(revision, c.above[key]) + 1
}

// remove notes that this Town removed a row.
func (c *changeset) remove(e town.Edit) { c.stand(e.Key, "", c.after(e.Key, e.Revision)) }

// stand has this Town say what stands at a level.
func (c *changeset) stand(key town.Key, edit town.Digest, level uint64) {
	c.lead(key, edit, level)
	c.rank(key, edit, level)
}

func (c *changeset) rank(key town.Key, edit town.Digest, level uint64) {
	v := Rank{Key: key, Level: level, Edit: edit, Town: c.store.Town, Author: c.store.Author}
	c.ranks = append(c.ranks, v)
	c.statements = append(c.statements, v.statement())
	c.above[key] = max(c.above[key], level)
}

// lead adds the ranks by which other Towns reach a level: one in each step below it. There
// are none unless somebody chose a very high number.
func (c *changeset) lead(key town.Key, edit town.Digest, level uint64) {
	from := step(c.above[key]) + 1
	for n := from; n < min(step(level), from+maxLead); n++ {
		c.rank(key, edit, n<<stepsOfLevels)
	}
}

// maxLead bounds the ranks for one edit. More are needed only in a plane from before numbers
// were bounded.
const maxLead = 4

// rise reads the ranks of documents.
func (c *changeset) rise(ctx context.Context, tx *doltdb.Tx, k town.Kind, names []string) error {
	found, err := c.store.levelsOf(ctx, tx, k, "", names)
	for name, l := range found {
		c.above[town.Key{Kind: k, Name: name}] = l.top()
	}
	return err
}

// offer adds proposals.
func (c *changeset) offer(proposals ...town.Proposal) {
	for _, p := range proposals {
		c.propose[p.ID()] = p
	}
}

// write sends the collected changes.
func (c *changeset) write(ctx context.Context, tx *doltdb.Tx) error {
	rows := map[town.Kind][][]any{}
	for _, key := range slices.SortedFunc(maps.Keys(c.put), compareKeys) {
		rows[key.Kind] = append(rows[key.Kind], values(c.put[key]))
	}
	for _, k := range []town.Kind{town.KindRole, town.KindFormula} {
		if err := write(ctx, tx, doltdb.Replace, rowTable(k), columns(k), rows[k]); err != nil {
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
	if err := write(ctx, tx, doltdb.Insert, "templates", columns(town.KindTemplate), issues); err != nil {
		return err
	}
	return c.writeRetained(ctx, tx)
}

func (c *changeset) writeRetained(ctx context.Context, tx *doltdb.Tx) error {
	var texts, proposed [][]any
	for _, at := range slices.SortedFunc(maps.Keys(c.archive), compareArchived) {
		e := c.archive[at]
		texts = append(texts, []any{string(e.Kind), e.Name, string(at.content), e.Version, e.Text})
	}
	if err := write(ctx, tx, doltdb.InsertNew, "archive", "kind, name, digest, version, text", texts); err != nil {
		return err
	}
	for id, p := range c.propose {
		proposed = append(proposed, []any{string(id), string(p.Kind), p.Name, p.Delete, p.Base, p.Text, p.Revision, string(p.Town), p.Author})
	}
	if err := write(ctx, tx, doltdb.InsertNew, "proposals", proposalColumns, proposed); err != nil {
		return err
	}
	var stand [][]any
	for _, v := range c.ranks {
		stand = append(stand, v.values())
	}
	if err := write(ctx, tx, doltdb.InsertNew, "ranks", rankColumns, stand); err != nil {
		return err
	}
	return c.store.signAll(ctx, tx, c.statements...)
}

const proposalColumns = "id, kind, name, removal, base, text, revision, town, author"
