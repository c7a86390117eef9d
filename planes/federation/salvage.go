package federation

import (
	"context"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/town"
)

// keyColumns are the keys of the tables whose rows are checked one by one.
var keyColumns = map[string][]string{
	"roles": {"name"}, "formulas": {"name"}, "templates": {"name", "version"}, "archive": {"kind", "name", "digest"},
	"proposals": {"id"}, "resolutions": {"id"}, "towns": {"id"},
	"town_keys": {"town", "number"}, "signatures": {"digest", "town"}, "ranks": {"kind", "name", "level", "edit", "town"},
}

// salvaging describes the plane to a repair. steps is how many steps of the schema
// the good state took.
func salvaging(remote, uuid string, steps int) doltdb.Salvaging {
	p := doltdb.Salvaging{Shape: shape, Accepts: func(ctx context.Context, tx *doltdb.Tx, base, revision string) error {
		_, err := checkIncoming(ctx, tx, func() {}, remote, uuid, base, revision)
		return err
	}}
	tables := []string{"roles", "formulas", "templates", "archive", "proposals", "resolutions", "towns"}
	if steps >= stepSigned {
		tables = append(tables, "town_keys", "signatures", "ranks")
	}
	for _, name := range tables {
		list, check := rowCheck(name, steps, new(bool))
		columns := slices.DeleteFunc(strings.Split(strings.ReplaceAll(list, "to_", ""), ", "), func(c string) bool { return c == "''" })
		p.Tables = append(p.Tables, doltdb.SalvagedTable{
			Name: name, Keys: keyColumns[name], Columns: columns, List: limited(name, list), AddOnly: slices.Contains(appendOnly, name),
			Check: func(r doltdb.Scanner) error {
				v, err := check(r)
				if err == nil {
					err = v()
				}
				return err
			},
		})
	}
	return p
}

// Examine finds out what a repair of a revision would do; nil when it may be merged
// as it is. base is a commit of its history that this Town has.
func (s *Store) Examine(ctx context.Context, remote, uuid, base, tip string) (found *doltdb.Salvage, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		done, err := tx.Migrations(ctx, base)
		if err == nil {
			found, err = tx.Examine(ctx, base, tip, salvaging(remote, uuid, len(done)))
		}
		return err
	})
	return found, err
}

// Repair makes one commit on top of the plane's tip, which Examine has examined, with
// the last good state and every later row that is valid. A Town at any commit of the
// history can merge it.
func (s *Store) Repair(ctx context.Context, remote, uuid, base string, found *doltdb.Salvage) (commit string, err error) {
	steps := 0
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		done, err := tx.Migrations(ctx, found.Good)
		steps = len(done)
		return err
	})
	if err != nil {
		return "", err
	}
	return s.db.Repair(ctx, base, found, "repair: back to the last good state "+town.Clip(found.Good, 10), salvaging(remote, uuid, steps))
}

// Copy makes a copy of a mirror at opts.Dir without any check. The caller examines
// it, and uses it for nothing else.
func Copy(ctx context.Context, opts doltdb.Options, remote, mirror string, id town.ID) (*Store, error) {
	db, err := doltdb.Clone(ctx, opts, remote, mirror)
	if err != nil {
		return nil, err
	}
	return wrap(db, opts, "", id), nil
}
