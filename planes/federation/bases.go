package federation

import (
	"context"

	"gastown/planes/doltdb"
	"gastown/town"
)

// known finds, for roles or formulas in conflict, the newest row that both sides have
// seen. The engine compares with one base only. Where there are several, as for a Town
// whose turn another Town publishes, it may choose one that lacks what both have seen.
//
// A commit without the document says nothing: it may be older than the document.
func (m *merger) known(ctx context.Context, tx *doltdb.Tx, k town.Kind) (map[string]town.Edit, error) {
	if m.common == nil {
		var err error
		if m.common, err = tx.Common(ctx, m.ours, m.theirs); err != nil {
			return nil, err
		}
	}
	if len(m.common) < 2 {
		return nil, nil
	}
	var names []string
	err := tx.Each(ctx, func(r *doltdb.Rows) error {
		var name string
		err := r.Scan(&name)
		names = append(names, name)
		return err
	}, "SELECT COALESCE(our_name, their_name, base_name) FROM dolt_conflicts_"+rowTable(k))
	if err != nil {
		return nil, err
	}
	newest := map[string]town.Edit{}
	for _, commit := range m.common {
		err := eachByName(ctx, tx, k, commit, names, func(r row) {
			if was, ok := newest[r.Name]; !ok || was.Revision < r.Revision {
				newest[r.Name] = r.Edit
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return newest, nil
}
