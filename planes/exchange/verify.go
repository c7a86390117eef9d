package exchange

import (
	"cmp"
	"context"

	"gastown/planes/doltdb"
	"gastown/sync/sign"
	"gastown/town"
)

// Unsigned is a row that the Town which it names has not signed with its present key.
type Unsigned struct {
	// Row names it for people. Author is whom the record names, if anybody.
	Row    string
	Town   town.ID
	Author string
	Reason string
}

// Verify checks the signature of every record, and of every name of a Town. It yields the
// rows that are not signed, and counts the others.
func (s *Store) Verify(ctx context.Context, yield func(Unsigned)) (signed int, err error) {
	type found struct {
		register
		Unsigned
	}
	var batch []found
	check := func(t table) {
		var list []sign.Signature
		for _, f := range batch {
			list = append(list, f.signed(t.name))
		}
		for i, ok := range sign.Valid(s.uuid, list, s.accepts) {
			f := batch[i]
			if ok && f.Reason == "" {
				signed++
				continue
			}
			f.Reason = cmp.Or(f.Reason, s.fault(f.register))
			yield(f.Unsigned)
		}
		batch = batch[:0]
	}
	take := func(t table, f found) {
		f.Unsigned.Town = f.register.town
		if batch = append(batch, f); len(batch) == verifyAtOnce {
			check(t)
		}
	}
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		err := tx.Each(ctx, func(rows *doltdb.Rows) error {
			r, err := scanRow(rows)
			f := found{r.register(), Unsigned{Row: "record " + r.ID, Author: cmp.Or(r.Values["created_by"], r.Values["owner"])}}
			if f.value != string(r.stored) {
				f.Reason = "its digest is not that of its content"
			}
			take(beads, f)
			return err
		}, "SELECT "+columns("")+" FROM beads WHERE "+live)
		if err != nil {
			return err
		}
		check(beads)
		return tx.Each(ctx, func(rows *doltdb.Rows) error {
			list, err := scanRegisters(rows, 1)
			if err == nil {
				take(members, found{*list[0], Unsigned{Row: "the name " + list[0].value}})
			}
			return err
		}, "SELECT "+members.list("")+" FROM towns")
	})
	check(members)
	return signed, err
}
