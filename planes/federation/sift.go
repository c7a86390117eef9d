package federation

import (
	"context"
	"fmt"
	"slices"

	"gastown/planes/doltdb"
	"gastown/sync/sign"
	"gastown/town"
)

// What a merge would change here is sifted row by row before it is committed: a row
// that its Town did not sign, or that is older than the one here, becomes again what it
// is here. All Towns decide this alike, from rows that all of them have, so a Town that
// puts a row back and one that never had the other row hold the same. The text waits as
// a proposal, whose id is its content, for a person in any Town.

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
	// ours is the plane's tip before the merge, base the merge base. to is what the
	// merge made: a commit, or the session's own state.
	base, ours, to string
	// ring has the keys at ours, and next those that arrived too.
	ring, next sign.Ring
	// arrived are the rows with a valid signature that ours has not, and removals what
	// they say of documents; see kinds.
	arrived  map[signedBy]bool
	removals map[town.Key]removalAt

	refused []Refusal
	// drop has the keys of rows to remove, restore whole rows to write, by table; docs
	// the documents to put back.
	drop, restore map[string][][]any
	docs          map[town.Kind][]string
	fix           *changeset
	proposed      int
}

// removalAt is the highest revision of a removal among those that arrived.
type removalAt struct{ revision uint64 }

// working is what a merge in this session has made so far.
const working = "WORKING"

// sifted looks at the rows that differ between ours and to.
func (s *Store) sifted(ctx context.Context, tx *doltdb.Tx, base, ours, to string) (*sift, error) {
	f := &sift{
		store: s, tx: tx, base: base, ours: ours, to: to, arrived: map[signedBy]bool{}, removals: map[town.Key]removalAt{},
		drop: map[string][][]any{}, restore: map[string][][]any{}, docs: map[town.Kind][]string{}, fix: s.newChangeset(),
	}
	changed, err := f.changed(ctx)
	if err != nil || len(changed) == 0 {
		return f, err
	}
	// Keys first, and what they sign before what needs a signature.
	for _, table := range []struct {
		name string
		look func(context.Context) error
	}{
		{"town_keys", f.keys}, {"signatures", f.signatures}, {"removals", f.removed},
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

// changed lists the tables with rows that differ.
func (f *sift) changed(ctx context.Context) (tables []string, err error) {
	err = f.tx.Each(ctx, func(r *doltdb.Rows) error {
		var from, to *string
		err := r.Scan(&from, &to)
		if to != nil {
			tables = append(tables, *to)
		}
		return err
	}, "SELECT from_table_name, to_table_name FROM dolt_diff_summary(?, ?) WHERE data_change", f.ours, f.to)
	return tables, err
}

// at is the revision to read what arrives at.
func (f *sift) at() string {
	if f.to == working {
		return ""
	}
	return f.to
}

// clean reports that every row may be taken.
func (f *sift) clean() bool {
	return len(f.drop)+len(f.restore)+len(f.docs)+len(f.fix.issues) == 0
}

// refuse notes a row that is not taken.
func (f *sift) refuse(row string, id town.ID, author, reason string) {
	f.refused = append(f.refused, Refusal{Row: row, Town: id, Author: author, Reason: reason})
}

// addOnly sifts a table whose rows are added and never changed: it takes back changes
// and removals, and hands on what was added.
func (f *sift) addOnly(ctx context.Context, table, columns string, added func(scanner) error) error {
	err := diffEach(ctx, f.tx, table, f.ours, f.to, from(columns), "WHERE diff_type <> 'added'", func(r *doltdb.Rows) error {
		row, err := anyRow(r, columns)
		f.restore[table] = append(f.restore[table], row)
		return err
	})
	if err == nil && len(f.restore[table]) > 0 {
		f.refuse(fmt.Sprintf("%d row(s) of %s", len(f.restore[table]), table), "", "", "they were changed or removed, and are only ever added")
	}
	if err != nil {
		return err
	}
	return diffEach(ctx, f.tx, table, f.ours, f.to, prefixed(columns), "WHERE diff_type = 'added'", func(r *doltdb.Rows) error { return added(r) })
}

// keys sifts the keys of Towns.
func (f *sift) keys(ctx context.Context) error {
	links, err := readLinks(ctx, f.tx, f.ours, "")
	if err != nil {
		return err
	}
	f.ring = sign.Ring{}
	for _, l := range links {
		f.ring[l.Town] = append(f.ring[l.Town], l.Public)
	}
	f.next = f.ring.Clone()
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
	return nil
}

// accepts reports whether a Town may sign what arrives with a key: with the one that is
// its present one here, or a later one. A former key may have been stolen.
func (f *sift) accepts(id town.ID, p sign.Public) bool {
	return slices.Contains(f.next[id][max(len(f.ring[id])-1, 0):], p)
}

// signatures sifts the signatures.
func (f *sift) signatures(ctx context.Context) error {
	var arrived []sign.Signature
	err := f.addOnly(ctx, "signatures", signatureColumns, func(r scanner) error {
		g, err := scanSignature(r)
		arrived = append(arrived, g)
		return err
	})
	if err != nil {
		return err
	}
	bad := 0
	for i, ok := range sign.Valid(f.store.uuid, arrived, f.accepts) {
		g := arrived[i]
		if ok {
			f.arrived[signedBy{g.Digest, g.Town}] = true
			continue
		}
		bad++
		f.drop["signatures"] = append(f.drop["signatures"], []any{string(g.Digest), string(g.Town)})
	}
	if bad > 0 {
		f.refuse(fmt.Sprintf("%d signature(s)", bad), "", "", "they are not by a present key of the Town they name")
	}
	return nil
}

// signed reports which rows are signed, and which of them were so before the merge.
func (f *sift) signed(ctx context.Context, rows []signedBy) (signed, known map[signedBy]bool, err error) {
	var rest []signedBy
	signed, known = map[signedBy]bool{}, map[signedBy]bool{}
	for _, r := range rows {
		if signed[r] = f.arrived[r]; !signed[r] {
			rest = append(rest, r)
		}
	}
	before, err := signaturesOf(ctx, f.tx, f.ours, rest)
	for r := range before {
		signed[r], known[r] = true, true
	}
	return signed, known, err
}

// removed sifts what says that a document was removed.
func (f *sift) removed(ctx context.Context) error {
	var list []Removal
	var rows []signedBy
	err := f.addOnly(ctx, "removals", removalColumns, func(r scanner) error {
		v, err := scanRemoval(r)
		list, rows = append(list, v), append(rows, signedBy{v.statement(), v.Town})
		return err
	})
	if err != nil {
		return err
	}
	signed, _, err := f.signed(ctx, rows)
	for i, v := range list {
		if signed[rows[i]] {
			f.removals[v.Key] = removalAt{max(f.removals[v.Key].revision, v.Revision)}
			continue
		}
		f.drop["removals"] = append(f.drop["removals"], []any{string(v.Kind), v.Name, v.Revision, string(v.Town)})
		f.refuse("a removal of "+v.String(), v.Town, v.Author, notSigned)
	}
	return err
}

// notSigned is the reason why most rows are not taken.
const notSigned = "it is not signed by the Town it names"

// resolutions sifts decisions about reviews.
func (f *sift) resolutions(ctx context.Context) error {
	var list []Resolution
	var rows []signedBy
	err := f.addOnly(ctx, "resolutions", resolutionColumns, func(r scanner) error {
		var id town.Digest
		var v Resolution
		err := r.Scan(&id, &v.Proposal, &v.Outcome, &v.Result, &v.Town, &v.Author)
		list, rows = append(list, v), append(rows, signedBy{v.ID(), v.Town})
		return err
	})
	if err != nil {
		return err
	}
	signed, _, err := f.signed(ctx, rows)
	for i, v := range list {
		if !signed[rows[i]] {
			f.drop["resolutions"] = append(f.drop["resolutions"], []any{string(v.ID())})
			f.refuse("a decision about review "+town.Clip(string(v.Proposal), 12), v.Town, v.Author, notSigned)
		}
	}
	return err
}

// members sifts the registry: a Town writes its own entry, signed, with a higher
// revision each time.
func (f *sift) members(ctx context.Context) error {
	type entry struct {
		Member
		before *uint64
	}
	var list []entry
	var rows []signedBy
	err := diffEach(ctx, f.tx, "towns", f.ours, f.to, prefixed(memberColumns)+", from_revision", "WHERE diff_type <> 'removed'", func(r *doltdb.Rows) error {
		var e entry
		err := r.Scan((*string)(&e.ID), &e.Name, &e.Revision, &e.Instance, &e.Left, &e.before)
		list, rows = append(list, e), append(rows, signedBy{e.statement(), e.ID})
		return err
	})
	if err != nil {
		return err
	}
	signed, known, err := f.signed(ctx, rows)
	if err != nil {
		return err
	}
	back := map[string]bool{}
	for i, e := range list {
		reason := ""
		switch {
		case !signed[rows[i]]:
			reason = notSigned
		case e.before != nil && (e.Revision < *e.before || e.Revision == *e.before && known[rows[i]]):
			reason = "it is older than the entry here"
		default:
			continue
		}
		f.refuse("the entry of Town "+e.Name, e.ID, "", reason)
		if e.before == nil {
			f.drop["towns"] = append(f.drop["towns"], []any{string(e.ID)})
		}
		back[string(e.ID)] = true
	}
	return diffEach(ctx, f.tx, "towns", f.ours, f.to, from(memberColumns)+", diff_type", "WHERE diff_type <> 'added'", func(r *doltdb.Rows) error {
		row, err := anyRow(r, memberColumns+", diff_type")
		if err != nil {
			return err
		}
		how := row[len(row)-1]
		if row = row[:len(row)-1]; how == "removed" {
			f.refuse("the entry of Town "+fmt.Sprint(row[1]), town.ID(fmt.Sprint(row[0])), "", "it was removed")
		} else if !back[fmt.Sprint(row[0])] {
			return nil
		}
		f.restore["towns"] = append(f.restore["towns"], row)
		return nil
	})
}
