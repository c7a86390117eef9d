package federate

import (
	"context"

	"gastown/planes/federation"
	"gastown/sync/files"
)

// scan is Tree.Scan, and notes the texts that it rescued.
func (w *workspace) scan(ctx context.Context) (files.Changes, error) {
	defer w.engine.step("scan")()
	changes, err := w.tree.Scan(ctx, w.index)
	w.rescue(ctx, changes.Rescued)
	return changes, err
}

// rescue notes texts that were put beside the file they belonged to. After a kill
// during the replacement of a directory, an edit cannot be distinguished from a
// text that was replaced, so both are put there. A text that the plane holds is
// removed again and reported, because it can be shown and restored at any time. A
// person must look at the others.
func (w *workspace) rescue(ctx context.Context, found []files.Rescue) {
	if len(found) == 0 {
		return
	}
	texts := make(map[files.Rescue]federation.Text, len(found))
	asked := make([]federation.Text, 0, len(found))
	for _, r := range found {
		content, err := w.tree.RescuedText(ctx, r)
		if err != nil {
			continue // it is reported as rescued
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
