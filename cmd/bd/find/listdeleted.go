package find

import (
	"context"
	"fmt"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
)

// listDeleted prints deleted beads, closed ones too. The parent in the filter is a
// full id, because the parent may be deleted itself.
func (o *listOptions) listDeleted(ctx context.Context, l *session.Ledger, f ledger.Filter) error {
	limit := f.Limit
	if f.Not = nil; limit > 0 {
		f.Limit++ // to know whether there are more
	}
	all, err := l.Tombstones(ctx, f)
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
			p.Line("%s", p.Fit(fmt.Sprintf("%s  deleted %s%s %s", view.Line(t.Bead), view.Time(t.DeletedAt), view.By(t.DeletedBy), t.Reason)))
		}
		p.Styled(term.Dim, "%s", term.Plural(len(all), "deleted bead; bd restore ID brings it back", "deleted beads; bd restore ID brings one back"))
	})
}
