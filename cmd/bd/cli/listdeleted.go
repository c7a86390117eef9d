package cli

import (
	"context"
	"fmt"

	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
)

// listDeleted prints what was deleted, closed ones too. A parent is a full id:
// it may be deleted itself.
func (o *listOptions) listDeleted(ctx context.Context, d *desk, f ledger.Filter) error {
	limit := f.Limit
	if f.Not = nil; limit > 0 {
		f.Limit++ // to tell that there are more
	}
	all, err := d.Tombstones(ctx, f)
	if err != nil {
		return err
	}
	if limit > 0 && len(all) > limit {
		all = all[:limit]
		more(o.call, limit)
	}
	if all == nil {
		all = []ledger.Tombstone{}
	}
	return o.call.Show(all, func(p *term.Printer) {
		for _, t := range all {
			p.Line("%s", p.Fit(fmt.Sprintf("%s  deleted %s%s %s", beadLine(t.Bead), stamp(t.DeletedAt), by(t.DeletedBy), t.Reason)))
		}
		p.Styled(term.Dim, "%s", term.Plural(len(all), "deleted bead; bd restore ID brings it back", "deleted beads; bd restore ID brings one back"))
	})
}
