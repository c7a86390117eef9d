package federate

import (
	"context"

	"gastown/planes/federation"
	"gastown/sync/files"
)

// scan is Tree.Scan, and tells of texts that it rescued.
func (w *workspace) scan(ctx context.Context) (files.Changes, error) {
	defer w.engine.step("scan")()
	changes, err := w.tree.Scan(ctx, w.index)
	w.rescue(ctx, changes.Rescued)
	return changes, err
}

// rescue notes texts that stand beside the file they belonged to. A process that
// was killed while it put a new directory in place cannot tell a text that
// somebody has replaced since from somebody's edit, so both end there. What the
// plane holds is removed again, and that is told: it can be shown and restored at
// any time. The rest is for a person.
func (w *workspace) rescue(ctx context.Context, found []files.Rescue) {
	if len(found) == 0 {
		return
	}
	texts := make(map[files.Rescue]federation.Text, len(found))
	asked := make([]federation.Text, 0, len(found))
	for _, r := range found {
		content, err := w.tree.RescuedText(ctx, r)
		if err != nil {
			continue // it is told of, whatever it is
		}
		texts[r] = federation.Text{Key: r.Key, Content: content}
		asked = append(asked, texts[r])
	}
	held, err := w.store.Held(ctx, asked)
	if err != nil {
		w.engine.opts.Log.WithError(err).Warn("look for rescued texts in the plane")
	}
	for _, r := range found {
		t, known := texts[r]
		if known && held[t] && w.tree.DropRescued(r, t.Content) == nil {
			w.dropped = append(w.dropped, r)
		} else {
			w.rescued = append(w.rescued, r)
		}
	}
}
