package federation

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gastown/planes/doltdb"
	"gastown/sync/sign"
	"gastown/town"
)

// What a merge would change here is sifted row by row before it is committed. What its
// Town did not sign becomes again what it is here. Of documents, judge.go says what is in
// force. All Towns decide this alike, from rows that all of them have, so a Town that
// puts a row back and one that never had the other row hold the same. A text that is not
// taken waits as a proposal, whose id is its content, for a person in any Town.

// Refusal is a row that arrived and was not taken.
type Refusal struct {
	// Row names it for people: a document, or what another table has.
	Row string `json:"row"`
	// Town and Author are whom the row names. They need not have written it.
	Town   town.ID `json:"town"`
	Author string  `json:"author"`
	Reason string  `json:"reason"`
	// Review is the proposal as which a document waits; empty where there is none.
	Review town.Digest `json:"review"`
}

// sift is one look at what arrives.
type sift struct {
	store *Store
	tx    *doltdb.Tx
	// ours is the plane's tip before the merge, theirs what arrives, base the merge base.
	// to is what the merge made: theirs, or the session's own state.
	base, ours, theirs, to string
	// later: theirs counts as published after ours.
	later bool
	// next has the keys at ours and those that arrived.
	next sign.Ring
	// arrived are the rows with a valid signature that ours has not, and renewed those among
	// them whose signature replaces one at ours. removed are the rows whose signature the
	// merge removed.
	arrived, renewed, removed map[signedBy]bool
	// stand has the levels that ranks among the arrived rows give, by name.
	stand map[town.Kind]map[string]levels

	refused []Refusal
	notes   []string
	// drop has the keys of rows to remove, restore whole rows to write, by table. keep are
	// the documents to write as they are at ours, and take as they are at theirs.
	drop, restore map[string][][]any
	keep, take    map[town.Kind][]string
	fix           *changeset
	proposed      int
}

// working is what a merge in this session has made so far.
const working = "WORKING"

// sifted looks at the rows that differ between ours and what a merge makes.
func (s *Store) sifted(ctx context.Context, tx *doltdb.Tx, merge sift) (*sift, error) {
	f := &merge
	f.store, f.tx, f.fix = s, tx, s.newChangeset()
	f.arrived, f.renewed, f.stand = map[signedBy]bool{}, map[signedBy]bool{}, map[town.Kind]map[string]levels{}
	f.drop, f.restore = map[string][][]any{}, map[string][][]any{}
	f.keep, f.take = map[town.Kind][]string{}, map[town.Kind][]string{}
	changed, err := f.changed(ctx)
	if err != nil || len(changed) == 0 {
		return f, err
	}
	// Keys first, and what they sign before what needs a signature.
	for _, table := range []struct {
		name string
		look func(context.Context) error
	}{
		{"town_keys", f.keys}, {"signatures", f.signatures}, {"ranks", f.ranks},
		{"roles", func(ctx context.Context) error { return f.rows(ctx, town.KindRole) }},
		{"formulas", func(ctx context.Context) error { return f.rows(ctx, town.KindFormula) }},
		{"templates", f.templates}, {"resolutions", f.resolutions}, {"towns", f.members},
	} {
		if slices.Contains(documentTables, table.name) && !s.checksDocuments() {
			continue
		}
		if slices.Contains(changed, table.name) || table.name == "town_keys" {
			if err := table.look(ctx); err != nil {
				return nil, fmt.Errorf("check the rows of %s that arrive: %w", table.name, err)
			}
		}
	}
	return f, nil
}

// documentTables are the tables of documents.
var documentTables = []string{"roles", "formulas", "templates"}

// changed lists the tables with rows that differ. Of documents those at theirs count: a
// merge may have left out what differs there.
func (f *sift) changed(ctx context.Context) (tables []string, err error) {
	query := "SELECT to_table_name FROM dolt_diff_summary(?, ?) WHERE data_change"
	args := []any{f.ours, f.to}
	if f.to != f.theirs {
		query += " UNION " + query
		args = append(args, f.ours, f.theirs)
	}
	err = f.tx.Each(ctx, func(r *doltdb.Rows) error {
		var name *string
		err := r.Scan(&name)
		if name != nil {
			tables = append(tables, *name)
		}
		return err
	}, query, args...)
	return tables, err
}

// clean reports that every row may be taken.
func (f *sift) clean() bool {
	return len(f.drop)+len(f.restore)+len(f.keep)+len(f.take)+len(f.fix.issues)+len(f.fix.ranks)+len(f.fix.propose)+len(f.fix.archive) == 0
}

// refuse notes a row that is not taken.
func (f *sift) refuse(row string, id town.ID, author, reason string) {
	f.refused = append(f.refused, Refusal{Row: row, Town: id, Author: author, Reason: reason})
}

// addOnly sifts a table whose rows are added and never changed: it takes back changes
// and removals, and hands on what theirs has more than ours.
func (f *sift) addOnly(ctx context.Context, table, columns string, added func(scanner) error) error {
	engine, n := 0, 1+strings.Count(columns, ",")
	err := diffEach(ctx, f.tx, table, f.ours, f.to, "diff_type, "+from(columns), "WHERE diff_type <> 'added' OR "+f.merging(), func(r *doltdb.Rows) error {
		cells, err := scanCells(r, 1+n)
		if err != nil || cells[0].String == "added" {
			engine++
			return err
		}
		f.restore[table] = append(f.restore[table], cells[1:].texts())
		return nil
	})
	if err == nil && len(f.restore[table]) > 0 {
		f.refuse(fmt.Sprintf("%d row(s) of %s", len(f.restore[table]), table), "", "", "they were changed or removed, and are only ever added")
	}
	if err != nil {
		return err
	}
	if f.to != f.theirs && (table == "town_keys" || table == "ranks") {
		if signs, err := f.theySign(ctx); err != nil || !signs {
			return err
		}
	}
	var rows [][]any
	err = diffEach(ctx, f.tx, table, f.ours, f.theirs, prefixed(columns), "WHERE diff_type = 'added'", func(r *doltdb.Rows) error {
		if f.to != f.theirs {
			cells, err := scanCells(r, n)
			if err != nil {
				return err
			}
			rows = append(rows, cells.texts())
			return added(cells)
		}
		return added(r)
	})
	if f.to != f.theirs && len(rows) != engine {
		// The engine compared with a merge base that a stranger may have made.
		f.restore[table] = append(f.restore[table], rows...)
	}
	return err
}

// merging is a condition: the engine has merged, and not moved to theirs.
func (f *sift) merging() string { return strconv.FormatBool(f.to != f.theirs) }

// keys sifts the keys of Towns.
func (f *sift) keys(ctx context.Context) error {
	var err error
	if f.next, err = readRing(ctx, f.tx, f.ours); err != nil {
		return err
	}
	var arrived []sign.Link
	err = f.addOnly(ctx, "town_keys", keyChainColumns, func(r scanner) error {
		l, err := scanLink(r)
		arrived = append(arrived, l)
		return err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(arrived, func(a, b sign.Link) int { return a.Number - b.Number })
	for _, l := range arrived {
		if err := f.next.Add(f.store.uuid, l); err != nil {
			f.drop["town_keys"] = append(f.drop["town_keys"], []any{string(l.Town), l.Number})
			f.refuse("key "+l.Public.Fingerprint(), l.Town, "", err.Error())
		}
	}
	return f.store.introduce(ctx, f.tx, f.ours, f.next)
}

// addedSigned reads the rows that theirs has more than ours in a table of rows that Towns sign,
// and which of them are signed. read scans a row.
func addedSigned[T any](ctx context.Context, f *sift, table, columns string, read func(scanner) (T, signedBy, error)) (list []T, signed []bool, err error) {
	var rows []signedBy
	err = f.addOnly(ctx, table, columns, func(r scanner) error {
		v, by, err := read(r)
		list, rows = append(list, v), append(rows, by)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	found, _, err := f.signed(ctx, rows)
	for _, by := range rows {
		signed = append(signed, found[by])
	}
	return list, signed, err
}

// ranks sifts what Towns say of the places of edits.
func (f *sift) ranks(ctx context.Context) error {
	list, signed, err := addedSigned(ctx, f, "ranks", rankColumns, func(r scanner) (Rank, signedBy, error) {
		v, err := scanRank(r)
		return v, signedBy{v.statement(), v.Town}, err
	})
	if err != nil {
		return err
	}
	unsigned := 0
	byKind := map[town.Kind][]Rank{}
	for i, v := range list {
		if signed[i] {
			byKind[v.Kind] = append(byKind[v.Kind], v)
			continue
		}
		f.drop["ranks"] = append(f.drop["ranks"], v.key())
		unsigned++
	}
	if unsigned > 0 {
		f.refuse(fmt.Sprintf("%d rank(s)", unsigned), "", "", notSigned)
	}
	for k, ranks := range byKind {
		if err := f.standing(ctx, k, ranks); err != nil {
			return err
		}
	}
	return nil
}

// standing takes ranks into account that arrived signed, as far as they are in reach of
// others; see reach.
func (f *sift) standing(ctx context.Context, k town.Kind, ranks []Rank) error {
	slices.SortFunc(ranks, func(a, b Rank) int { return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Level, b.Level)) })
	var names []string
	for _, v := range ranks {
		names = append(names, v.Name)
	}
	before, err := f.store.levelsOf(ctx, f.tx, k, f.ours, slices.Compact(names))
	if err != nil {
		return err
	}
	f.stand[k] = map[string]levels{}
	top := map[string]uint64{}
	for _, v := range ranks {
		if now := max(before[v.Name].top(), top[v.Name]); !reach(now, v.Level) {
			f.drop["ranks"] = append(f.drop["ranks"], v.key())
			f.refuse("a rank of "+v.String(), v.Town, v.Author, outOfReach)
			continue
		}
		top[v.Name] = v.Level
		f.store.raise(f.stand[k], v)
	}
	return nil
}

// notSigned is the reason why most rows are not taken.
const notSigned = "it is not signed by the Town it names"

// resolutions sifts decisions about reviews.
func (f *sift) resolutions(ctx context.Context) error {
	list, signed, err := addedSigned(ctx, f, "resolutions", resolutionColumns, func(r scanner) (Resolution, signedBy, error) {
		var id town.Digest
		var v Resolution
		err := r.Scan(&id, &v.Proposal, &v.Outcome, &v.Result, &v.Town, &v.Author)
		return v, signedBy{v.ID(), v.Town}, err
	})
	if err != nil {
		return err
	}
	for i, v := range list {
		if !signed[i] {
			f.drop["resolutions"] = append(f.drop["resolutions"], []any{string(v.ID())})
			f.refuse("a decision about review "+town.Clip(string(v.Proposal), 12), v.Town, v.Author, notSigned)
		}
	}
	return f.letGo(ctx)
}

// letGo does not put back decisions that nobody signed, which Towns would take from each
// other and put back for ever.
func (f *sift) letGo(ctx context.Context) error {
	var rows []signedBy
	for _, r := range f.restore["resolutions"] {
		rows = append(rows, signedBy{town.Digest(r[0].(string)), town.ID(r[4].(string))})
	}
	signed, _, err := f.signed(ctx, rows)
	if err != nil {
		return err
	}
	var kept [][]any
	for i, r := range f.restore["resolutions"] {
		if signed[rows[i]] {
			kept = append(kept, r)
		}
	}
	if delete(f.restore, "resolutions"); len(kept) > 0 {
		f.restore["resolutions"] = kept
	}
	return nil
}
