package operational

import (
	"path/filepath"
	"strings"
	"testing"

	"gastown/planes/doltdb"
	"gastown/town"
)

// A conversation is that of a run and an assignment: the next session of the assignment
// goes on with it, and no other one does.
func TestConversations(t *testing.T) {
	s, _ := create(t)
	ctx := t.Context()
	converses := func(who town.Address, run town.Run, id string, want bool) {
		t.Helper()
		if counted, err := s.Converses(ctx, who, run, town.Conversation{Preset: "claude", ID: id}, noon); err != nil || counted != want {
			t.Errorf("%s, run %d, %s: %v, %v", who, run, id, counted, err)
		}
	}
	of := func(ticket town.Ticket, want string) {
		t.Helper()
		if c, err := s.Conversation(ctx, ticket); err != nil || c.ID != want || want != "" && c.Preset != "claude" {
			t.Errorf("%s: %+v, %v", ticket, c, err)
		}
	}
	converses(nux, 1, "before-it-is-known", false)
	first := s.mustAssign(t, "web-a", nux).Ticket
	of(first, "")
	converses(nux, first.Run, "one", true)
	converses(nux, first.Run, "one-cleared", true)
	converses(nux, first.Run+1, "of-a-run-to-come", false)
	of(first, "one-cleared")
	renewed, err := s.Renew(ctx, first, Renewal{Reason: "lost", Lost: true}, noon)
	if err != nil {
		t.Fatal(err)
	}
	converses(nux, first.Run, "of-a-run-that-is-over", false)
	of(renewed, "one-cleared")
	if all, err := s.Conversations(ctx); err != nil || len(all) != 0 {
		t.Errorf("the run has told of none: %v, %v", all, err)
	}
	converses(nux, renewed.Run, "two", true)
	of(renewed, "two")
	if all, err := s.Conversations(ctx); err != nil || len(all) != 1 || all[nux].ID != "two" {
		t.Errorf("%v, %v", all, err)
	}
	for _, id := range []string{"", "--option", "a b", "a'; DROP TABLE conversations; --", strings.Repeat("x", 1<<20)} {
		if counted, err := s.Converses(ctx, nux, renewed.Run, town.Conversation{ID: id}, noon); err == nil || counted {
			t.Errorf("%.20q was taken", id)
		}
	}
	if err := s.End(ctx, renewed, town.Released, "", "ada", noon); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Told(ctx, renewed.Epoch, town.Released); err != nil {
		t.Fatal(err)
	}
	of(s.mustAssign(t, "web-a", nux).Ticket, "") // another assignment of the same bead
}

// Old runs are forgotten, and so is everything about an agent that is dismissed.
func TestConversationsAreForgotten(t *testing.T) {
	s, _ := create(t)
	ctx := t.Context()
	mayor := town.Address{Kind: town.Mayor}
	for range 2 * keptConversations {
		a, err := s.Begin(ctx, mayor, "claude", "mayor", "/t/mayor", noon)
		if err != nil {
			t.Fatal(err)
		}
		if counted, err := s.Converses(ctx, mayor, a.Run, town.Conversation{ID: "x"}, noon); err != nil || !counted {
			t.Fatal(counted, err)
		}
	}
	count := func() (n int) {
		t.Helper()
		err := s.read(ctx, "them", func(rows *doltdb.Rows) error { return rows.Scan(&n) }, "SELECT COUNT(*) FROM conversations")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != keptConversations {
		t.Errorf("%d are kept", n)
	}
	if err := s.Vacate(ctx, mayor, 2*keptConversations, "stopped", noon); err != nil {
		t.Fatal(err)
	}
	if err := s.Dismiss(ctx, mayor, noon); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 0 {
		t.Errorf("%d are kept of an agent that is gone", n)
	}
}

// A plane that was made before this step opens, with what it holds.
func TestConversationsInAPlaneOfTheFormerVersion(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "operational")
	db, err := doltdb.CreateStore(t.Context(), options(dir), uuid, migrations[:7])
	if err != nil {
		t.Fatal(err)
	}
	former := &Store{db: db}
	a := former.mustAssign(t, "web-a", nux)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), options(dir), uuid)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if counted, err := s.Converses(t.Context(), nux, a.Run, town.Conversation{ID: "x"}, noon); err != nil || !counted {
		t.Errorf("%v, %v", counted, err)
	}
}
