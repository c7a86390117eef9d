package exchange

import (
	"context"
	"fmt"
	"strings"

	"gastown/planes/doltdb"
	"gastown/sync/share"
	"gastown/town"
)

// salvaging describes the plane to a repair.
func (s *Store) salvaging(remote, uuid string) doltdb.Salvaging {
	list := columns("to_")
	for _, f := range share.Fields {
		// A value that is too long is not read; the digest then shows that it is missing.
		list = strings.Replace(list+",", "to_"+f.Name+",", fmt.Sprintf("IF(OCTET_LENGTH(to_%[1]s) > %[2]d, NULL, to_%[1]s),", f.Name, f.Max), 1)
		list = strings.TrimSuffix(list, ",")
	}
	return doltdb.Salvaging{
		Shape: shape,
		Accepts: func(ctx context.Context, tx *doltdb.Tx, base, revision string) error {
			_, err := s.checkAll(ctx, tx, remote, uuid, base, revision)
			if err != nil && ctx.Err() == nil && town.Next(err) == "" {
				return doltdb.Refuse(remote, "it cannot be read: %w", err)
			}
			return err
		},
		Tables: []doltdb.SalvagedTable{{
			Name: "beads", Keys: []string{"town", "id"}, Columns: rowColumns, List: list,
			Check: func(r doltdb.Scanner) error {
				row, err := scanRow(r)
				if err == nil {
					err = row.check()
				}
				return err
			},
		}, {
			Name: "towns", Keys: []string{"id"}, Columns: members.columns, List: "to_" + strings.Join(members.columns, ", to_"), Check: checkMember,
		}},
	}
}

// Examine finds out what a repair of a revision would do; nil when it may be merged
// as it is. base is a commit of its history that this Town has.
func (s *Store) Examine(ctx context.Context, remote, uuid, base, tip string) (found *doltdb.Salvage, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		found, err = tx.Examine(ctx, base, tip, s.salvaging(remote, uuid))
		return err
	})
	return found, err
}

// Repair makes one commit on top of the plane's tip, which Examine has examined, with
// the last good state and every later row that is valid.
func (s *Store) Repair(ctx context.Context, remote, uuid, base string, found *doltdb.Salvage) (commit string, err error) {
	return s.db.Repair(ctx, base, found, "repair: back to the last good state "+town.Clip(found.Good, 10), s.salvaging(remote, uuid))
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
