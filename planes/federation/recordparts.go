package federation

import (
	"context"
	"iter"
	"slices"
	"strconv"

	"gastown/planes/doltdb"
	"gastown/town"
	"gastown/town/group"
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

// filled is a batch of edits with their texts; left are edits whose text cannot be
// read now.
type filled struct {
	edits []FileEdit
	left  []town.Key
	err   error
}

// ahead reads the texts of each batch while the one before it is written. It
// ends after the first batch with an error.
func ahead(ctx context.Context, parts iter.Seq[[]FileEdit]) iter.Seq[filled] {
	return func(yield func(filled) bool) {
		ctx, cancel := context.WithCancel(ctx)
		next, reading := make(chan filled), group.New()
		reading.Go(func() error {
			defer close(next)
			for part := range parts {
				f := fill(ctx, part)
				select {
				case next <- f:
				case <-ctx.Done():
					return nil
				}
				if f.err != nil {
					return nil
				}
			}
			return nil
		})
		// The goroutine ends before ahead returns, because the caller may then close
		// what Read uses.
		defer func() {
			cancel()
			for range next {
			}
			_ = reading.Wait() // nothing but a panic
		}()
		for f := range next {
			if !yield(f) {
				return
			}
		}
		if err := context.Cause(ctx); err != nil {
			yield(filled{err: err})
		}
	}
}

// fill reads the texts of a batch.
func fill(ctx context.Context, part []FileEdit) (f filled) {
	f.edits = make([]FileEdit, 0, len(part))
	for _, e := range part {
		if e.Read != nil {
			text, ok, err := e.Read(ctx)
			if err != nil {
				return filled{err: err}
			}
			if !ok {
				f.left = append(f.left, e.Key)
				continue
			}
			e.Text = text
		}
		f.edits = append(f.edits, e)
	}
	return f
}

// manyNew is how many new documents justify one query for all names between the
// first and the last of them.
const manyNew = 32

// known lists the names of edits that may have rows. For many new documents it
// reads one range of the table's keys instead of looking up each name.
func known(ctx context.Context, tx *doltdb.Tx, k town.Kind, edits []FileEdit) ([]string, error) {
	names := make([]string, len(edits))
	isNew := true
	for i, e := range edits {
		names[i] = e.Name
		isNew = isNew && e.Base == ""
	}
	if !isNew || len(names) < manyNew {
		return names, nil
	}
	limit := 2 * len(names)
	rows := 0
	there := map[string]bool{}
	err := tx.Each(ctx, func(r *doltdb.Rows) error {
		var name string
		err := r.Scan(&name)
		there[name] = true
		rows++
		return err
	}, "SELECT name FROM "+rowTable(k)+" WHERE name BETWEEN ? AND ? LIMIT "+strconv.Itoa(limit), slices.Min(names), slices.Max(names))
	if err != nil || rows == limit {
		return names, err
	}
	return slices.DeleteFunc(names, func(name string) bool { return !there[name] }), nil
}
