package ledger

import (
	"testing"

	"gastown/planes/doltdb"
	"gastown/town"
)

// byAnother changes rows as a program does that knows nothing of the audit trail.
func byAnother(t *testing.T, s *Store, who, statement string) {
	t.Helper()
	db := s.db.As(doltdb.Session{Actor: town.Actor{Name: who, Email: who + "@example.com"}})
	_, err := db.Update(t.Context(), "by hand", func(tx *doltdb.Tx) error {
		_, err := tx.Exec(t.Context(), statement)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A change without an entry in the trail is credited to whoever made it, and not to
// whoever wrote next; the versions of a bead have it too.
func TestChangesOfOthersAreCredited(t *testing.T) {
	s := newLedger(t)
	made := create(t, s, titled("first"), titled("second"), titled("third"))
	from := tip(t, s)
	byAnother(t, s, "Bob", "UPDATE issues SET title = 'by Bob' WHERE id = '"+made[0].ID+"'")
	byAnother(t, s, "Eve", "UPDATE issues SET title = 'by Eve' WHERE id = '"+made[1].ID+"'")
	create(t, s, titled("unrelated"))
	who := map[string]string{}
	for _, f := range changes(t, s, from, 100).Foreign {
		who[f.Bead] = f.Committer
	}
	if len(who) != 2 || who[made[0].ID] != "Bob" || who[made[1].ID] != "Eve" {
		t.Errorf("credited %v", who)
	}
	versions, err := s.Versions(t.Context(), made[0].ID, 0)
	if err != nil || len(versions) != 2 || versions[0].Committer != "Bob" || versions[0].Title != "by Bob" || versions[1].Committer != "Ada" {
		t.Errorf("versions %+v, %v", versions, err)
	}
	if one, err := s.Versions(t.Context(), made[0].ID, 1); err != nil || len(one) != 1 || one[0].Title != "by Bob" {
		t.Errorf("the last version %+v, %v", one, err)
	}
}
