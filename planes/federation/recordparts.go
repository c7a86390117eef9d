package federation

import (
	"context"
	"iter"

	"gastown/planes/doltdb"
	"gastown/town"
)

// byWidth cuts edits into batches by the size of their texts and of the rows
// they replace.
func byWidth(ctx context.Context, tx *doltdb.Tx, k town.Kind, edits []FileEdit) (iter.Seq[[]FileEdit], error) {
	var replaced []string
	for _, e := range edits {
		if e.Base != "" {
			replaced = append(replaced, e.Name)
		}
	}
	sizes, err := sizesByName(ctx, tx, k, "", replaced)
	if err != nil {
		return nil, err
	}
	return batches(edits, func(e FileEdit) int { return max(len(e.Text), int(e.Size)) + sizes[e.Name] }), nil
}

// read gives the edits of a batch their texts.
func read(ctx context.Context, edits []FileEdit, out *Recorded) ([]FileEdit, error) {
	batch := make([]FileEdit, 0, len(edits))
	for _, e := range edits {
		if e.Read != nil {
			text, ok, err := e.Read(ctx)
			if err != nil {
				return nil, err
			}
			if !ok {
				out.Left = append(out.Left, e.Key)
				continue
			}
			e.Text = text
		}
		batch = append(batch, e)
	}
	return batch, nil
}
