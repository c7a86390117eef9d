package exchange

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/sync/share"
	"gastown/town"
)

// ErrTown reports a name that no Town here has, or several have.
var ErrTown = fmt.Errorf("no such Town: %w", town.ErrUsage)

// ParseRef splits TOWN/ID, the form that bd show accepts.
func ParseRef(s string) (name, id string, ok bool) {
	name, id, ok = strings.Cut(s, "/")
	return name, id, ok && name != "" && town.CheckBeadID(id) == nil
}

// Shelf combines what other Towns share with this one through several
// repositories, each with a Store. Of a record that several have, the state
// that was updated last is shown. Of states of the same time it is the one with
// the most values, because rules confirmed for one repository need not have
// been confirmed for another, or else the first.
type Shelf []*Store

// OpenShelf opens those of the stores that exist and have that UUID, maybe
// none. Each is locked until Close.
func OpenShelf(ctx context.Context, uuid string, id town.ID, opts ...doltdb.Options) (sh Shelf, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, sh.Close())
			sh = nil
		}
	}()
	for _, o := range opts {
		if _, err := os.Lstat(o.Dir); errors.Is(err, os.ErrNotExist) {
			continue
		}
		s, err := Open(ctx, o, uuid, id)
		if errors.Is(err, doltdb.ErrOtherStore) {
			continue // of a federation the Town has left
		}
		if err != nil {
			return sh, err
		}
		sh = append(sh, s)
	}
	return sh, nil
}

// Hide has the Shelf not find these Towns.
func (sh Shelf) Hide(towns []town.ID) {
	for _, s := range sh {
		s.hidden = towns
	}
}

// Admit has the Shelf leave out records of other Towns that may not enter this one. denies
// says why a record may not; "" if it may. author is whom the record names, if anybody.
func (sh Shelf) Admit(denies func(owner town.ID, id, author string) string) {
	for _, s := range sh {
		s.denies = denies
	}
}

// Close closes the stores. It is safe to call once.
func (sh Shelf) Close() (err error) {
	for _, s := range sh {
		err = errors.Join(err, s.Close())
	}
	return err
}

// find returns the Town with a name or an id, and the stores that have it.
func (sh Shelf) find(ctx context.Context, name string) (m Member, in Shelf, err error) {
	var all, found []Member
	has, hidden := map[town.ID]Shelf{}, false
	for _, s := range sh {
		list, err := s.members(ctx)
		if err != nil {
			return m, nil, err
		}
		for _, t := range list {
			if slices.Contains(s.hidden, t.ID) {
				hidden = hidden || t.Name == name || string(t.ID) == name
				continue
			}
			has[t.ID] = append(has[t.ID], s)
			all = append(all, t)
		}
	}
	for _, t := range all {
		if string(t.ID) == name {
			return t, has[t.ID], nil
		}
		if t.Name == name && !slices.ContainsFunc(found, func(o Member) bool { return o.ID == t.ID }) {
			found = append(found, t)
		}
	}
	op := "find Town " + town.Clip(name, 64)
	switch len(found) {
	case 1:
		return found[0], has[found[0].ID], nil
	case 0:
		if hidden {
			return m, nil, town.Fail(op, "gt federation towns --remember "+name+" shows it again", "%w: it is forgotten here", ErrTown)
		}
		var names []string
		for _, t := range all {
			names = append(names, t.Name)
		}
		next := "gt federation pull brings what other Towns share"
		if near := town.Nearest(name, names, 3); len(near) > 0 {
			next = "did you mean " + strings.Join(near, " or ") + "?"
		}
		return m, nil, town.Fail(op, next, "%w: none of that name shares records", ErrTown)
	}
	var ids []string
	for _, t := range found {
		ids = append(ids, string(t.ID))
	}
	slices.Sort(ids)
	return m, nil, town.Fail(op, "name one by its id: "+strings.Join(ids, ", "), "%w: %d Towns have that name", ErrTown, len(found))
}

// List calls yield for the records of a Town, given by name or id, that the
// filter selects: the most urgent first, then the newest. yield must not use
// the Shelf; an error of yield ends the list.
func (sh Shelf) List(ctx context.Context, name string, f Filter, yield func(Record) error) error {
	m, in, err := sh.find(ctx, name)
	if err != nil {
		return err
	}
	if len(in) == 1 {
		return in[0].list(ctx, m.ID, f, func(row) bool { return true }, func(r row) error { return yield(r.record(m)) })
	}
	newest, err := in.newest(ctx, m.ID)
	if err != nil {
		return err
	}
	var all []row
	for i, s := range in {
		shown := func(r row) bool { return newest[r.ID].in == i }
		if err := s.list(ctx, m.ID, f, shown, func(r row) error { all = append(all, r); return nil }); err != nil {
			return err
		}
	}
	slices.SortFunc(all, row.before)
	for i, r := range all {
		if f.Limit > 0 && i == f.Limit {
			break
		}
		if err := yield(r.record(m)); err != nil {
			return err
		}
	}
	return nil
}

// place is the store that has a record, when the record was updated there, and
// how many values it has.
type place struct {
	in      int
	updated string
	values  int
}

// after orders the states of one record: the one to show comes last.
func (p place) after(o place) int {
	return cmp.Or(cmp.Compare(p.updated, o.updated), cmp.Compare(p.values, o.values))
}

// countValues counts the values of a row.
var countValues = func() string {
	var list []string
	for _, f := range share.Fields {
		list = append(list, "("+f.Name+" IS NOT NULL)")
	}
	return strings.Join(list, " + ")
}()

// newest maps ids to the store that has the state to show.
func (sh Shelf) newest(ctx context.Context, id town.ID) (map[string]place, error) {
	all := map[string]place{}
	for i, s := range sh {
		err := s.db.View(ctx, func(tx *doltdb.Tx) error {
			return tx.Each(ctx, func(r *doltdb.Rows) error {
				p := place{in: i}
				var bead string
				err := r.Scan(&bead, &p.updated, &p.values)
				if known, ok := all[bead]; !ok || p.after(known) > 0 {
					all[bead] = p
				}
				return err
			}, "SELECT id, COALESCE(updated_at, ''), "+countValues+" FROM beads WHERE town = ? AND "+live, string(id))
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (r row) place() place { return place{updated: r.Values["updated_at"], values: len(r.Values)} }

// before is the order of a list.
func (r row) before(o row) int {
	return cmp.Or(cmp.Compare(cmp.Or(r.Values["priority"], "9"), cmp.Or(o.Values["priority"], "9")),
		cmp.Compare(o.Values["updated_at"], r.Values["updated_at"]), cmp.Compare(r.ID, o.ID))
}

// Get reads one record of a Town. It fails with doltdb.ErrNoRows when the Town
// shares no record of that id.
func (sh Shelf) Get(ctx context.Context, name, id string) (Record, error) {
	m, in, err := sh.find(ctx, name)
	if err != nil {
		return Record{}, err
	}
	var found []row
	denied := ""
	for _, s := range in {
		err := s.db.View(ctx, func(tx *doltdb.Tx) error {
			return tx.Each(ctx, func(rows *doltdb.Rows) error {
				r, err := scanRow(rows)
				if why := s.denied(r); why != "" {
					denied = why
				} else if err == nil {
					found = append(found, r)
				}
				return err
			}, "SELECT "+columns("")+" FROM beads WHERE town = ? AND id = ? AND "+live, string(m.ID), id)
		})
		if err != nil {
			return Record{}, err
		}
	}
	if len(found) == 0 && denied != "" {
		return Record{}, town.Fail("show "+m.Name+"/"+town.Clip(id, 64), "gt federation towns shows which Towns are trusted, and gt access list what they may write",
			"%w: the record may not enter this Town: %s", town.ErrRefused, denied)
	}
	if len(found) == 0 {
		return Record{}, town.Fail("show "+m.Name+"/"+town.Clip(id, 64), "bd list --town "+m.Name+" shows what it shares",
			"%w: Town %s shares no such record", doltdb.ErrNoRows, m.Name)
	}
	slices.SortStableFunc(found, func(a, b row) int { return b.place().after(a.place()) })
	return found[0].record(m), nil
}
