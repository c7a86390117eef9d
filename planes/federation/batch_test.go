package federation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Batches hold everything once, in order, and stay within both limits unless a
// single element exceeds them.
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

// Any number of large documents is read, a few at a time.
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
	err = s.db.View(t.Context(), func(tx *doltdb.Tx) error {
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

// Edits are recorded in parts by the size of their texts and of the rows they
// replace, and texts are read part by part. An edit whose text cannot be read is
// left for later.
func TestEditsAreReadInParts(t *testing.T) {
	const half = town.MaxDocumentBytes / 2
	s := newStore(t)
	name := func(i int) town.Key { return town.Key{Kind: town.KindRole, Name: fmt.Sprintf("role-%02d", i)} }
	var edits []FileEdit
	for i := range 20 {
		edits = append(edits, FileEdit{Key: name(i), Text: strings.Repeat(name(i).Name[5:], half/2)})
	}
	rec := s.must(t, edits...)
	reads := map[town.Key]int{}
	for i := range edits {
		key := name(i)
		edits[i] = FileEdit{Key: key, Base: rec.Rows[key], Size: 3, Read: func(context.Context) (string, bool, error) {
			reads[key]++
			return "new", key != name(7), nil
		}}
	}
	err := s.db.View(t.Context(), func(tx *doltdb.Tx) error {
		parts, err := byWidth(t.Context(), tx, town.KindRole, edits)
		if err != nil {
			return err
		}
		n := 0
		for part := range parts {
			n++
			if size := len(part) * (half + 3); size > maxBatchBytes {
				t.Errorf("a part has %d edits: %d bytes", len(part), size)
			}
		}
		if n < 3 {
			t.Errorf("%d parts", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	rec = s.must(t, edits...)
	if rec.Edits != len(edits)-1 || !slices.Equal(rec.Left, []town.Key{name(7)}) || len(rec.Rows) != len(edits)-1 {
		t.Fatalf("%d edits, left %v", rec.Edits, rec.Left)
	}
	for key, n := range reads {
		if n != 1 {
			t.Errorf("%s was read %d times", key, n)
		}
	}
	current, err := s.Current(t.Context(), []town.Key{name(6), name(7)})
	if err != nil || current[name(6)].Text != "new" || len(current[name(7)].Text) != half {
		t.Errorf("%v, %v", current[name(6)], err)
	}
	_, err = s.Record(t.Context(), "fails", []FileEdit{{Key: name(6), Base: rec.Rows[name(6)], Read: func(context.Context) (string, bool, error) {
		return "", false, io.ErrUnexpectedEOF
	}}})
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

// A new document may have a row already, because the index was lost or another Town
// wrote it. Many new documents are compared with rows as single ones are.
func TestManyNewDocumentsMeetTheirRows(t *testing.T) {
	name := func(i int) town.Key { return town.Key{Kind: town.KindRole, Name: fmt.Sprintf("role-%04d", i)} }
	for _, c := range []struct {
		what        string
		rows, edits int
		every       int // each how manieth edit has a row
	}{
		{"few rows", 0, 3 * manyNew, manyNew},
		{"more rows than one range reads", 40 * manyNew, 3 * manyNew, 3},
		{"rows only", 0, 2 * manyNew, 1},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := newStore(t)
			var before, edits []FileEdit
			for i := range c.edits {
				e := FileEdit{Key: name(i * 50), Text: "text"}
				edits = append(edits, e)
				if i%c.every == 0 {
					if i%2 == 0 {
						e.Text = "theirs"
					}
					before = append(before, e)
				}
			}
			for i := range c.rows {
				if i%50 != 0 {
					before = append(before, FileEdit{Key: name(i), Text: "another"})
				}
			}
			s.must(t, before...)
			rec := s.must(t, edits...)
			conflicts := 0
			for i := range edits {
				if i%c.every == 0 && i%2 == 0 {
					conflicts++
				}
			}
			same := (c.edits+c.every-1)/c.every - conflicts
			if rec.Edits != c.edits-same || len(rec.Notes) != conflicts || len(rec.Rows)+len(rec.Lost) != c.edits {
				t.Errorf("%d edits, %d notes, %d rows and %d lost; want %d edits and %d conflicts",
					rec.Edits, len(rec.Notes), len(rec.Rows), len(rec.Lost), c.edits-same, conflicts)
			}
		})
	}
}

// Read is not called after Record has returned.
func TestRecordWaitsForItsReads(t *testing.T) {
	s := newStore(t)
	var ended atomic.Bool
	edits := []FileEdit{
		// The table refuses such a name, and the text is a batch of its own.
		{Key: town.Key{Kind: town.KindRole, Name: strings.Repeat("x", 100)}, Text: strings.Repeat("x", maxBatchBytes)},
		{Key: town.Key{Kind: town.KindRole, Name: "role"}, Size: 1, Read: func(ctx context.Context) (string, bool, error) {
			<-ctx.Done()
			ended.Store(true)
			return "", false, ctx.Err()
		}},
	}
	if _, err := s.Record(t.Context(), "fails", edits); err == nil || errors.Is(err, context.Canceled) {
		t.Fatalf("a name that is too long: %v", err)
	}
	if !ended.Load() {
		t.Error("Record returned while a text was being read")
	}
}
