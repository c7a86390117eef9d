package exchange

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"gastown/planes/doltdb"
	"gastown/sync/sign"
	"gastown/town"
)

// fate says what becomes of a row that is not taken as it is in theirs.
type fate struct {
	// keep: it becomes what it is here. Else it goes.
	keep bool
	why  string
}

// Refusal is a row of another Town, or the name of one, that arrived and was not taken.
type Refusal struct {
	// Row names it for people, Town whom it names. That Town need not have written it.
	Row    string
	Town   town.ID
	Reason string
}

// pair is a row at two revisions; nil where it is missing.
type pair struct{ before, after *register }

func (p pair) cell(t table) cell {
	r := p.after
	if r == nil {
		r = p.before
	}
	return cell{t.name, r.town, r.id}
}

// verifyAtOnce is how many signatures are in memory.
const verifyAtOnce = 10_000

// sift decides about every row that differs between two revisions. ours is "" for a store
// that is new here.
func (s *Store) sift(ctx context.Context, tx *doltdb.Tx, ours, base, theirs string, a *Arrival) error {
	a.fates = map[cell]fate{}
	for _, t := range tables {
		if err := s.siftTable(ctx, tx, t, ours, theirs, a); err != nil {
			return fmt.Errorf("check the signatures of %s: %w", t.name, err)
		}
		if err := s.findRevoked(ctx, tx, t, theirs, a); err != nil {
			return err
		}
	}
	if base == ours {
		for _, c := range slices.SortedFunc(maps.Keys(a.fates), compareCells) {
			s.tell(c, a)
		}
		return nil
	}
	if len(a.fates) == 0 || ours == "" {
		return nil
	}
	// A row that nobody changed since the merge base is behind, and no more.
	for _, t := range tables {
		err := difference{tx: tx, from: base, to: theirs}.each(ctx, t.name, t.keys("to_")+", "+t.keys("from_"), "", func(r *doltdb.Rows) error {
			c, err := t.scanCell(r)
			s.tell(c, a)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) siftTable(ctx context.Context, tx *doltdb.Tx, t table, ours, theirs string, a *Arrival) error {
	var batch []pair
	decide := func() {
		holds := s.hold(t, batch, func(i int) *register { return batch[i].after })
		// Of what is here only what shall stay is looked at: another program may have
		// written it.
		stands := s.hold(t, batch, func(i int) *register {
			if p := batch[i]; !holds[i] || p.before == nil || !p.after.above(*p.before) {
				return p.before
			}
			return nil
		})
		for i, p := range batch {
			s.decide(t, p, holds[i], stands[i], a)
		}
		batch = batch[:0]
	}
	take := func(p pair) {
		if batch = append(batch, p); len(batch) == verifyAtOnce {
			decide()
		}
	}
	var err error
	if ours == "" {
		var asOf string
		if asOf, err = doltdb.AsOf(theirs); err != nil {
			return err
		}
		err = tx.Each(ctx, func(r *doltdb.Rows) error {
			list, err := scanRegisters(r, 1)
			if err == nil {
				take(pair{nil, list[0]})
			}
			return err
		}, "SELECT "+t.list("")+" FROM "+t.name+asOf)
	} else {
		err = difference{tx: tx, from: ours, to: theirs}.each(ctx, t.name, t.list("from_")+", "+t.list("to_"), "", func(r *doltdb.Rows) error {
			list, err := scanRegisters(r, 2)
			if err == nil {
				take(pair{list[0], list[1]})
			}
			return err
		})
	}
	decide()
	return err
}

// hold reports which of a batch have the signature of their Town's present key, of the
// registers that pick gives.
func (s *Store) hold(t table, batch []pair, pick func(int) *register) []bool {
	list := make([]sign.Signature, len(batch))
	for i := range batch {
		if r := pick(i); r != nil && r.revision <= maxRevision {
			list[i] = r.signed(t.name)
		}
	}
	return sign.Valid(s.uuid, list, s.accepts)
}

// decide decides about a row. holds says that its signature in theirs is that of its
// Town's present key, and stands that it is so here, as far as it matters.
func (s *Store) decide(t table, p pair, holds, stands bool, a *Arrival) {
	c := p.cell(t)
	own := c.town == s.Town
	higher := holds && (p.before == nil || !stands || p.after.above(*p.before))
	// Of its own records a Town also keeps those that it will sign with its next push.
	keep := stands || own && t.name == beads.name && p.before != nil && p.before.value != "" && !s.Ring.Revoked(c.town)
	why := ""
	switch {
	case higher, p.after == nil && !keep:
	case p.after == nil:
		why = "it was removed"
	case holds:
		why = "it is older than what is here"
	default:
		why = s.fault(*p.after)
	}
	if why != "" {
		a.fates[c] = fate{keep, why}
		if keep || p.before == nil {
			return
		}
	}
	switch {
	case t.name != beads.name:
		a.Names = true
	case own:
		a.Mine = append(a.Mine, c.id)
	case p.before != nil && p.before.value != "" || p.after != nil && p.after.value != "":
		a.Records++
	}
}

// findRevoked notes that theirs has rows of Towns that have revoked their keys. They go,
// in all Towns alike.
func (s *Store) findRevoked(ctx context.Context, tx *doltdb.Tx, t table, theirs string, a *Arrival) error {
	where, args := s.revokedRows(t)
	asOf, err := doltdb.AsOf(theirs)
	if err != nil || where == "" {
		return err
	}
	var n int
	err = tx.QueryRow(ctx, "SELECT COUNT(*) FROM "+t.name+asOf+where, args...).Scan(&n)
	a.revoked = a.revoked || n > 0
	return err
}

// revokedRows is a condition that selects the rows of Towns that have revoked their keys;
// "" where no Town has.
func (s *Store) revokedRows(t table) (where string, args []any) {
	for _, id := range slices.Sorted(maps.Keys(s.Ring)) {
		if s.Ring.Revoked(id) {
			args = append(args, string(id))
		}
	}
	if len(args) == 0 {
		return "", nil
	}
	return " WHERE " + t.owner + " IN (" + marks(len(args)) + ")", args
}

// tell notes a row that was not taken.
func (s *Store) tell(c cell, a *Arrival) {
	f, ok := a.fates[c]
	switch {
	case !ok:
	case c.town == s.Town && c.table == beads.name:
		if a.OursTotal++; len(a.Ours) < maxNamed {
			a.Ours = append(a.Ours, c.id)
		}
	default:
		if a.RefusedTotal++; len(a.Refused) < maxNamed {
			row := "the name of a Town"
			if c.table == beads.name {
				row = "record " + c.id
			}
			a.Refused = append(a.Refused, Refusal{row, c.town, f.why})
		}
	}
}

// keys are the columns of a row's cell.
func (t table) keys(prefix string) string {
	if t.key == "" {
		return prefix + t.owner + ", ''"
	}
	return prefix + t.owner + ", " + prefix + t.key
}

// scanCell reads a row's cell of the second two of the four columns where the first two
// are NULL.
func (t table) scanCell(r doltdb.Scanner) (cell, error) {
	var v [4]*string
	if err := r.Scan(&v[0], &v[1], &v[2], &v[3]); err != nil {
		return cell{}, err
	}
	if v[0] == nil {
		v[0], v[1] = v[2], v[3]
	}
	if v[0] == nil || v[1] == nil {
		return cell{}, fmt.Errorf("a row of %s has no key", t.name)
	}
	return cell{t.name, town.ID(*v[0]), *v[1]}, nil
}

func compareCells(a, b cell) int {
	return slices.Compare([]string{a.table, string(a.town), a.id}, []string{b.table, string(b.town), b.id})
}
