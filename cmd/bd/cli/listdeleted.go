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
	graves, err := d.Tombstones(ctx, 0)
	if err != nil {
		return err
	}
	f.Not = nil
	all := []ledger.Tombstone{}
	now := o.app.Now()
	for _, t := range graves {
		if f.Match(t.Bead, now) {
			all = append(all, t)
		}
	}
	all = all[min(f.Offset, len(all)):]
	if f.Limit > 0 && len(all) > f.Limit {
		all = all[:f.Limit]
		o.app.hint("The first %d are shown; there are more: --limit N, or 0 for all.", f.Limit)
	}
	return o.app.show(all, func(p *term.Printer) {
		for _, t := range all {
			p.Line("%s", p.Fit(fmt.Sprintf("%s  deleted %s%s %s", beadLine(t.Bead), stamp(t.DeletedAt), by(t.DeletedBy), t.Reason)))
		}
		p.Styled(term.Dim, "%s", term.Plural(len(all), "deleted bead; bd restore ID brings it back", "deleted beads; bd restore ID brings one back"))
	})
}
