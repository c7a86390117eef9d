package federation

import (
	"context"
	"slices"

	"gastown/planes/doltdb"
	"gastown/sync/sign"
)

// dropUnsigned takes out of a copy of a remote the keys, signatures and ranks that do not hold.
// There is nothing here to compare the copy with, and a merge takes for valid what is here. A
// text in force or a decision stays, as one that nobody signed: it gives way to a signed one.
func (s *Store) dropUnsigned(ctx context.Context) error {
	_, err := s.db.Update(ctx, "take out what no Town signed", func(tx *doltdb.Tx) error {
		links, err := readLinks(ctx, tx, "", "")
		if err != nil {
			return err
		}
		ring, drop := sign.Ring{}, map[string][][]any{}
		for _, l := range links {
			if err := ring.Add(s.uuid, l); err != nil {
				drop["town_keys"] = append(drop["town_keys"], []any{string(l.Town), l.Number})
			}
		}
		if drop["signatures"], err = s.invalidSignatures(ctx, tx, ring); err != nil {
			return err
		}
		for _, table := range []string{"town_keys", "signatures"} {
			if err := removeRows(ctx, tx, table, drop[table]); err != nil {
				return err
			}
		}
		ranks, err := unsignedRanks(ctx, tx)
		if err != nil {
			return err
		}
		return removeRows(ctx, tx, "ranks", ranks)
	})
	return err
}

// invalidSignatures are the primary keys of signatures that are not by the last key of their Town.
func (s *Store) invalidSignatures(ctx context.Context, tx *doltdb.Tx, ring sign.Ring) (bad [][]any, err error) {
	err = eachSignature(ctx, tx, s.uuid, ring.IsLast, func(g sign.Signature, valid bool) {
		if !valid {
			bad = append(bad, []any{string(g.Digest), string(g.Town)})
		}
	})
	return bad, err
}

// unsignedRanks are the primary keys of ranks without a signature in the session's own state.
func unsignedRanks(ctx context.Context, tx *doltdb.Tx) (bad [][]any, err error) {
	var list []Rank
	err = tx.Each(ctx, func(r *doltdb.Rows) error {
		v, err := scanRank(r)
		list = append(list, v)
		return err
	}, "SELECT "+rankColumns+" FROM ranks")
	if err != nil {
		return nil, err
	}
	for part := range slices.Chunk(list, batchSize) {
		var rows []signedBy
		for _, v := range part {
			rows = append(rows, signedBy{v.statement(), v.Town})
		}
		found, err := signaturesOf(ctx, tx, "", rows)
		if err != nil {
			return nil, err
		}
		for i, v := range part {
			if _, ok := found[rows[i]]; !ok {
				bad = append(bad, v.key())
			}
		}
	}
	return bad, nil
}
