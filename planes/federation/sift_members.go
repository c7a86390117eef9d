package federation

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"gastown/planes/doltdb"
)

// compare orders entries of one Town as a merge does.
func (m Member) compare(o Member) int {
	return cmp.Or(cmp.Compare(m.Epoch, o.Epoch), cmp.Compare(m.Revision, o.Revision), strings.Compare(m.Name, o.Name), strings.Compare(m.Instance, o.Instance),
		strings.Compare(strconv.FormatBool(m.Left), strconv.FormatBool(o.Left)))
}

// succeeds reports whether an entry may stand where was is. Of this Town's own entries of
// one epoch the published one stands, so that the directory whose entry came later stops.
func (f *sift) succeeds(m, was Member) bool {
	if m.ID == f.store.Town && m.Epoch == was.Epoch && m.Instance != was.Instance && f.base != f.ours {
		return !f.later
	}
	return m.compare(was) > 0
}

// members sifts the registry: a Town writes its own entry, signed, with a higher
// revision each time.
func (f *sift) members(ctx context.Context) error {
	type entry struct {
		Member
		was           Member
		before, after []any
	}
	var list []entry
	var rows []signedBy
	columns, there := memberColumns, f.theirs
	if steps, err := f.tx.Migrations(ctx, f.theirs); err != nil {
		return err
	} else if len(steps) < stepEpochs {
		there = f.to // the table had other columns then
	}
	n := 1 + strings.Count(columns, ",")
	err := diffEach(ctx, f.tx, "towns", f.ours, there, from(columns)+", "+prefixed(columns), "", func(r *doltdb.Rows) error {
		cells, err := scanCells(r, 2*n)
		if err != nil {
			return err
		}
		var e entry
		for i, side := range []struct {
			m   *Member
			row *[]any
		}{{&e.was, &e.before}, {&e.Member, &e.after}} {
			part := cells[i*n : (i+1)*n]
			if !part[0].Valid {
				continue
			}
			if *side.m, err = scanMember(part); err != nil {
				return err
			}
			*side.row = part.texts()
		}
		list, rows = append(list, e), append(rows, signedBy{e.statement(), e.ID}, signedBy{e.was.statement(), e.was.ID})
		return nil
	})
	if err != nil {
		return err
	}
	signed, _, err := f.signed(ctx, rows)
	if err != nil {
		return err
	}
	for i, e := range list {
		was, wasSigned := e.was, signed[rows[2*i+1]]
		switch {
		case len(e.after) == 0 && !wasSigned:
			continue // Towns would take it from each other and put it back for ever
		case len(e.after) == 0 && f.base == f.ours:
			f.refuse("the entry of Town "+was.Name, was.ID, "", "it was removed")
		case len(e.after) == 0:
			// It is new here, or was removed there.
		case !signed[rows[2*i]]:
			if f.base == f.ours || e.Member.compare(was) > 0 {
				f.refuse("the entry of Town "+e.Name, e.ID, "", notSigned)
			}
		case wasSigned && !f.succeeds(e.Member, was):
			if f.base == f.ours {
				f.refuse("the entry of Town "+e.Name, e.ID, "", "it is older than the entry here")
			}
		default:
			if f.to != f.theirs {
				f.restore["towns"] = append(f.restore["towns"], e.after)
			}
			continue
		}
		if len(e.before) > 0 {
			f.restore["towns"] = append(f.restore["towns"], e.before)
		} else {
			f.drop["towns"] = append(f.drop["towns"], []any{string(e.ID)})
		}
	}
	return nil
}
