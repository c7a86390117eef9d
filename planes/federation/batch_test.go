package federation

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Batches hold everything once, in order, and stay within both limits unless
// one element alone is beyond them.
func TestBatchesAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 3), rapid.IntRange(0, 2*maxBatchBytes)), 0, 1200).Draw(t, "sizes")
		var got []int
		for batch := range batches(sizes, func(n int) int { return n }) {
			total := 0
			for _, n := range batch {
				total += n
			}
			if len(batch) == 0 || len(batch) > batchSize || len(batch) > 1 && total > maxBatchBytes {
				t.Fatalf("a batch of %d elements and %d bytes", len(batch), total)
			}
			got = append(got, batch...)
		}
		if !slices.Equal(got, sizes) {
			t.Fatalf("%d of %d elements", len(got), len(sizes))
		}
	})
}

// Large documents are read a few at a time, whatever their number; all of them
// arrive.
func TestLargeDocumentsAreReadInParts(t *testing.T) {
	s := newStore(t)
	from, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const count = 12
	var edits []FileEdit
	var names []string
	for i := range count {
		name := fmt.Sprintf("large-%02d", i)
		names = append(names, name)
		edits = append(edits, FileEdit{Key: town.Key{Kind: town.KindRole, Name: name}, Text: strings.Repeat(name[6:], town.MaxDocumentBytes/2)})
	}
	if _, err := s.Record(t.Context(), "large", edits); err != nil {
		t.Fatal(err)
	}
	err = s.View(t.Context(), func(tx *doltdb.Tx) error {
		parts, err := byName(t.Context(), tx, town.KindRole, "", names)
		if err != nil {
			return err
		}
		for part := range parts {
			if len(part) > few {
				t.Errorf("%d documents at once", len(part))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	to, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	err = s.Changed(t.Context(), from, to, func(st State) error {
		seen[st.Name] = st.Text == strings.Repeat(st.Name[6:], town.MaxDocumentBytes/2)
		return nil
	})
	if err != nil || len(seen) != count {
		t.Fatalf("%d documents, %v", len(seen), err)
	}
	for name, whole := range seen {
		if !whole {
			t.Errorf("%s is not whole", name)
		}
	}
}
