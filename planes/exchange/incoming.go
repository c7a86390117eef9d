package exchange

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/sync/share"
	"gastown/town"
)

// maxRows bounds the records of all Towns together, maxTowns the Towns that
// share records.
const (
	maxRows  = 1 << 20
	maxTowns = 1 << 14
)

// Arrival says what a revision that passed the checks brings.
type Arrival struct {
	// Records is how many records of other Towns it adds, changes or removes.
	Records int
	// Ours are ids of this Town's records that somebody else changed or
	// removed, sorted, at most maxNamed; OursTotal counts all.
	Ours      []string
	OursTotal int
	// Mine are ids of this Town's records that this Town itself published and this
	// store does not know, or no longer, sorted.
	Mine []string

	// changed are the ids of all records of this Town that differ.
	changed map[string]bool
}

// maxNamed is how many records of ours an Arrival names.
const maxNamed = 20

// CheckIncoming decides whether a revision that arrived from a remote may be
// merged. It must be this store and have this schema and no other table, and
// every row that it changed since base must be one that its Town could have
// written. It changes nothing. An error is town.ErrRefused or
// doltdb.ErrNewerSchema.
func (s *Store) CheckIncoming(ctx context.Context, remote, uuid, base, theirs string) (a Arrival, err error) {
	return s.check(ctx, remote, uuid, base, theirs, true)
}

// check is CheckIncoming. With divide it tells whose changes of this Town's records
// arrive.
func (s *Store) check(ctx context.Context, remote, uuid, base, theirs string, divide bool) (a Arrival, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		a = Arrival{}
		err := s.checkAll(ctx, tx, remote, uuid, base, theirs, &a)
		if err == nil && divide && len(a.changed) > 0 {
			err = s.divide(ctx, tx, base, theirs, &a)
		}
		if err != nil && ctx.Err() == nil && town.Next(err) == "" {
			return doltdb.Refuse(remote, "it cannot be read: %w", err)
		}
		return err
	})
	return a, err
}

// CheckOutgoing decides, by the same rules, whether other Towns may merge the plane's
// tip. base is the last commit of the plane that the remote is known to hold; "" for
// none.
func (s *Store) CheckOutgoing(ctx context.Context, remote, uuid, base string) error {
	_, err := s.check(ctx, remote, uuid, base, "HEAD", false)
	return doltdb.Outgoing(remote, "this Town's shared records", err)
}

func (s *Store) checkAll(ctx context.Context, tx *doltdb.Tx, remote, uuid, base, theirs string, a *Arrival) error {
	fresh := base == ""
	in, err := tx.CheckShape(ctx, remote, uuid, base, theirs, shape)
	if err != nil {
		return err
	}
	asOf, err := doltdb.AsOf(theirs)
	if err != nil {
		return err
	}
	for _, limit := range []struct {
		table, what string
		most        int
	}{{"beads", "records", maxRows}, {"towns", "Towns", maxTowns}} {
		var rows int
		if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM "+limit.table+asOf).Scan(&rows); err != nil {
			return err
		}
		if rows > limit.most {
			return doltdb.Refuse(remote, "it holds %d %s; the limit is %d", rows, limit.what, limit.most)
		}
	}
	for _, c := range in.Changed {
		d := difference{tx: tx, remote: remote, from: in.From, to: theirs}
		switch c.Name {
		case "beads":
			err = s.checkBeads(ctx, d, fresh, a)
		case "towns":
			err = d.checkTowns(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// difference is the difference between two revisions.
type difference struct {
	tx       *doltdb.Tx
	remote   string
	from, to string
}

// each reads rows that differ. The engine accepts no placeholder for revisions
// here, so their names are checked.
func (d difference) each(ctx context.Context, table, list, where string, scan func(*doltdb.Rows) error) error {
	for _, revision := range []string{d.from, d.to} {
		if _, err := doltdb.AsOf(revision); err != nil {
			return err
		}
	}
	return d.tx.Each(ctx, scan, fmt.Sprintf("SELECT %s FROM dolt_diff('%s', '%s', '%s') %s", list, d.from, d.to, table, where))
}

// tooLong selects rows with a value over its limit.
var tooLong = func() string {
	var list []string
	for _, f := range share.Fields {
		list = append(list, fmt.Sprintf("OCTET_LENGTH(to_%s) > %d", f.Name, f.Max))
	}
	return "WHERE diff_type <> 'removed' AND (" + strings.Join(list, " OR ") + ") LIMIT 1"
}()

func (s *Store) checkBeads(ctx context.Context, d difference, fresh bool, a *Arrival) error {
	// Sizes before contents.
	err := d.each(ctx, "beads", "to_town, to_id", tooLong, func(r *doltdb.Rows) error {
		var owner, id string
		if err := r.Scan(&owner, &id); err != nil {
			return err
		}
		return doltdb.Refuse(d.remote, "record %q of Town %q has a value that is too long", town.Clip(id, 64), town.Clip(owner, 64))
	})
	if err != nil {
		return err
	}
	counted := s.opts.CountChecked()
	err = d.each(ctx, "beads", columns("to_"), "WHERE diff_type <> 'removed'", func(rows *doltdb.Rows) error {
		counted()
		r, err := scanRow(rows)
		if err != nil {
			return err
		}
		if err := r.check(); err != nil {
			return doltdb.Refuse(d.remote, "record %q of Town %q: %w", town.Clip(r.ID, 64), town.Clip(string(r.town), 64), err)
		}
		s.count(r.town, r.ID, fresh, a)
		return nil
	})
	if err != nil {
		return err
	}
	return d.each(ctx, "beads", "from_town, from_id", "WHERE diff_type = 'removed'", func(rows *doltdb.Rows) error {
		var owner town.ID
		var id string
		if err := rows.Scan((*string)(&owner), &id); err != nil {
			return err
		}
		s.count(owner, id, fresh, a)
		return nil
	})
}

// count counts a row that arrives. In a store that is new here, rows of this
// Town are those that it published earlier.
func (s *Store) count(owner town.ID, id string, fresh bool, a *Arrival) {
	switch {
	case owner != s.Town:
		a.Records++
	case !fresh:
		if a.changed == nil {
			a.changed = map[string]bool{}
		}
		a.changed[id] = true
	}
}

// divide tells this Town's records that it published itself from those that somebody
// else changed.
func (s *Store) divide(ctx context.Context, tx *doltdb.Tx, base, theirs string, a *Arrival) error {
	mine, err := s.attribute(ctx, tx, base, theirs, a.changed)
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(a.changed)) {
		if mine[id] {
			a.Mine = append(a.Mine, id)
		} else if a.OursTotal++; len(a.Ours) < maxNamed {
			a.Ours = append(a.Ours, id)
		}
	}
	return nil
}

func (r row) check() error {
	if !town.IsIdentity(string(r.town)) {
		return fmt.Errorf("its owner is not a Town")
	}
	if err := r.Record.Check(); err != nil {
		return err
	}
	if r.stored != r.Digest(r.town) {
		return fmt.Errorf("it does not hash to its digest")
	}
	return nil
}

func (d difference) checkTowns(ctx context.Context) error {
	return d.each(ctx, "towns", "to_id, to_name", "WHERE diff_type <> 'removed'", func(r *doltdb.Rows) error {
		if err := checkMember(r); err != nil {
			return doltdb.Refuse(d.remote, "table towns: %w", err)
		}
		return nil
	})
}

// checkMember checks a row of towns.
func checkMember(r doltdb.Scanner) error {
	var id, name string
	if err := r.Scan(&id, &name); err != nil {
		return err
	}
	if !town.IsIdentity(id) {
		return fmt.Errorf("%q is not a Town", town.Clip(id, 64))
	}
	return town.CheckName(name)
}
