package federation

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"gastown/planes/doltdb"
	"gastown/town"
)

// A text up to the limit is accepted; a longer one is refused with its size, in
// every table that holds texts.
func TestIncomingTextsHaveALimit(t *testing.T) {
	s := newStore(t)
	s.must(t, s.editOf(t, mayor, "one", ""))
	base, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		statement string
		size      int
		refused   bool
	}{
		{"UPDATE roles SET text = REPEAT('x', %d)", town.MaxDocumentBytes, false},
		{"UPDATE roles SET text = REPEAT('x', %d)", town.MaxDocumentBytes + 1, true},
		{"INSERT INTO templates VALUES ('bug', 1, REPEAT('x', %d), 0, '', 1, 'town-2', 'Eve')", town.MaxDocumentBytes + 1, true},
	} {
		query := fmt.Sprintf(test.statement, test.size)
		if _, err := s.db.Update(t.Context(), "from elsewhere", func(tx *doltdb.Tx) error {
			_, err := tx.Exec(t.Context(), query)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		err := s.CheckIncoming(t.Context(), "origin", "store-1", base, "HEAD")
		if !test.refused && err != nil {
			t.Errorf("%s: %v", query, err)
		}
		if test.refused && (!errors.Is(err, town.ErrRefused) || !strings.Contains(err.Error(), fmt.Sprintf("has %d bytes", test.size))) {
			t.Errorf("%s: got %v, want a refusal that tells the size", query, err)
		}
	}
}
