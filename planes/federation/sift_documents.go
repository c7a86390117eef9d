package federation

import (
	"context"
	"database/sql"
	"strings"

	"gastown/planes/doltdb"
	"gastown/sync/policy"
	"gastown/town"
)

// arrival is a role or a formula that a merge would change here. from is the row here
// and to the one that arrives, without their texts; nil where there is none.
type arrival struct {
	name     string
	from, to *town.Edit
	row      signedBy
	intact   bool
	// digest is that of from, and follows reports that to follows it.
	digest  town.Digest
	follows bool
	reason  string
}

// rows sifts roles or formulas.
func (f *sift) rows(ctx context.Context, k town.Kind) error {
	list, err := f.arrivals(ctx, k)
	if err != nil {
		return err
	}
	var rows []signedBy
	var absent, late []string
	for _, a := range list {
		if a.to != nil {
			rows = append(rows, a.row)
		}
		if a.from == nil {
			absent = append(absent, a.name)
		}
	}
	signed, known, err := f.signed(ctx, rows)
	if err != nil {
		return err
	}
	gone, err := removed(ctx, f.tx, k, f.ours, absent)
	if err != nil {
		return err
	}
	for _, a := range list {
		switch {
		case a.to == nil:
			// Who removed it must have known what is here.
			if a.follows = f.removals[town.Key{Kind: k, Name: a.name}].revision > a.from.Revision; !a.follows {
				late = append(late, a.name)
			}
		case !a.intact || !signed[a.row]:
			a.reason = notSigned
		default:
			if a.from == nil {
				a.follows = a.to.Revision > gone[a.name]
			}
			if !a.follows && known[a.row] {
				a.reason = putBackAgain
			} else if !a.follows {
				late = append(late, a.name)
			}
		}
	}
	if err := f.late(ctx, k, list, late); err != nil {
		return err
	}
	return f.refuseDocuments(ctx, k, list)
}

// putBackAgain is the reason for a replay.
const putBackAgain = "it is older than what is in force here, and somebody put it back"

// arrivals reads the roles or formulas that differ.
func (f *sift) arrivals(ctx context.Context, k town.Kind) (list []*arrival, err error) {
	n := 1 + strings.Count(columns(k), ",")
	err = diffEach(ctx, f.tx, rowTable(k), f.ours, f.to, prefixed(columns(k))+", "+from(columns(k)), "", func(r *doltdb.Rows) error {
		cells, dest := make([]sql.NullString, 2*n), make([]any, 2*n)
		for i := range cells {
			dest[i] = &cells[i]
		}
		if err := r.Scan(dest...); err != nil {
			return err
		}
		var a arrival
		var to row
		for i, edit := range []**town.Edit{&a.to, &a.from} {
			part := cells[i*n : (i+1)*n]
			if !part[0].Valid {
				continue
			}
			read, err := scanEdit(cellScanner(part), k)
			if err != nil {
				return err
			}
			if *edit, a.name = &read.Edit, read.Name; i == 0 {
				to = read
			}
		}
		if a.to != nil {
			a.row, a.intact = signedBy{statement(*a.to), a.to.Town}, to.intact()
		}
		if a.from != nil {
			a.digest = a.from.Digest()
		}
		a.follows = a.to != nil && a.from != nil && policy.Follows(*a.to, *a.from)
		for _, e := range []*town.Edit{a.to, a.from} {
			if e != nil {
				e.Text = "" // not all texts are held at once
			}
		}
		list = append(list, &a)
		return nil
	})
	return list, err
}

// late decides about rows that do not follow what is here. Both sides may have changed
// the row since they last agreed; then the rules of a conflict may put either in force,
// and the one that arrives need only follow what both had. What both had counts only if
// it is signed, or is what is here: somebody else may have made it.
func (f *sift) late(ctx context.Context, k town.Kind, list []*arrival, names []string) error {
	if len(names) == 0 {
		return nil
	}
	before, err := newestByName(ctx, f.tx, k, f.base, names)
	if err != nil {
		return err
	}
	goneBefore := map[string]uint64{}
	if steps, err := f.tx.Migrations(ctx, f.base); err != nil {
		return err
	} else if len(steps) >= stepSigned {
		if goneBefore, err = removed(ctx, f.tx, k, f.base, names); err != nil {
			return err
		}
	}
	now, err := editsByName(ctx, f.tx, k, f.at(), names)
	if err != nil {
		return err
	}
	var rows []signedBy
	for _, b := range before {
		rows = append(rows, signedBy{statement(b[0].Edit), b[0].Town})
	}
	signed, _, err := f.signed(ctx, rows)
	if err != nil {
		return err
	}
	for _, a := range list {
		if a.follows || a.reason != "" {
			continue
		}
		b := before[a.name]
		agreed := len(b) == 0 || b[0].Digest() == a.digest || b[0].intact() && signed[signedBy{statement(b[0].Edit), b[0].Town}]
		switch {
		case a.to == nil:
			arrived := f.removals[town.Key{Kind: k, Name: a.name}].revision
			if !agreed || len(b) == 0 || arrived <= b[0].Revision {
				a.reason = "it was removed, and no Town has signed that"
			}
		case !agreed, len(b) > 0 && !policy.Follows(now[a.name][0].Edit, b[0].Edit), len(b) == 0 && a.to.Revision <= goneBefore[a.name]:
			a.reason = putBackAgain
		}
	}
	return nil
}

// refuseDocuments puts back what has a reason for it.
func (f *sift) refuseDocuments(ctx context.Context, k town.Kind, list []*arrival) error {
	reasons := map[string]string{}
	for _, a := range list {
		if a.reason != "" {
			f.docs[k] = append(f.docs[k], a.name)
			reasons[a.name] = a.reason
		}
	}
	parts, err := byName(ctx, f.tx, k, f.at(), f.docs[k])
	if err != nil {
		return err
	}
	for part := range parts {
		// Towns with other rows make the same proposal.
		agreed, err := editsByName(ctx, f.tx, k, f.base, part)
		if err != nil {
			return err
		}
		there, err := editsByName(ctx, f.tx, k, f.at(), part)
		if err != nil {
			return err
		}
		for _, name := range part {
			var o, t *town.Edit
			refusal := Refusal{Row: town.Key{Kind: k, Name: name}.String(), Reason: reasons[name]}
			if rows := agreed[name]; len(rows) > 0 {
				o = &rows[0].Edit
			}
			if rows := there[name]; len(rows) > 0 {
				t = &rows[0].Edit
				refusal.Town, refusal.Author = t.Town, t.Author
			}
			refusal.Review = f.propose(town.Key{Kind: k, Name: name}, o, t)
			f.refused = append(f.refused, refusal)
		}
	}
	return nil
}
