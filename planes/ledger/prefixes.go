package ledger

import (
	"context"
	"fmt"

	"gastown/planes/doltdb"
	"gastown/town"
)

// SetPrefix records how the ids of a rig's beads begin; the rig "" is the Town.
// Two rigs never share a prefix.
func (s *Store) SetPrefix(ctx context.Context, rig, prefix string) error {
	if err := town.CheckPrefix(prefix); err != nil {
		return err
	}
	return s.write(ctx, "prefix "+prefix, func(q txn) error {
		all, err := q.prefixes(ctx)
		if err != nil {
			return err
		}
		for other, p := range all {
			if p == prefix && other != rig {
				return fmt.Errorf("%w: rig %q has the prefix %s", ErrExists, other, prefix)
			}
		}
		_, err = q.exec(ctx, "REPLACE INTO prefixes (rig, prefix) VALUES (?, ?)", rig, prefix)
		return err
	})
}

// Prefixes returns the prefix of every rig that has one.
func (s *Store) Prefixes(ctx context.Context) (all map[string]string, err error) {
	err = s.read(ctx, func(q txn) error {
		all, err = q.prefixes(ctx)
		return err
	})
	return all, err
}

func (q txn) prefixes(ctx context.Context) (map[string]string, error) {
	all := map[string]string{}
	err := q.each(ctx, func(rows *doltdb.Rows) error {
		var rig, prefix string
		err := rows.Scan(&rig, &prefix)
		all[rig] = prefix
		return err
	}, "SELECT rig, prefix FROM prefixes")
	return all, err
}
