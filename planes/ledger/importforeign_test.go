package ledger

import (
	"fmt"
	"strings"
	"testing"

	"gastown/town"
)

// commentTexts are the texts of a bead's comments by their ids.
func commentTexts(t *testing.T, s *Store, id string) map[string]string {
	t.Helper()
	got, err := s.Get(t.Context(), []string{id}, Fields{"comments"})
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, c := range got[0].Comments {
		texts[c.ID] = c.Text
	}
	return texts
}

// Two machines may give comments the same number. An import must not replace a
// comment by one with the same number.
func TestCommentsOfOneIDAreBothKept(t *testing.T) {
	s := newLedger(t)
	line := func(id, text, updated string) string {
		base := strings.Replace(line0, `"updated_at":"2026-01-02`, `"updated_at":"`+updated, 1)
		return base + fmt.Sprintf(`,"comments":[{"id":%s,"issue_id":"gt-a","author":"Kim","text":%q,"created_at":"2026-01-02T05:00:00Z"}]}`, id, text)
	}
	imported(t, s, line("7", "of one machine", "2026-01-02"), ImportOptions{})
	imported(t, s, line(`"7"`, "of another", "2026-01-03"), ImportOptions{})
	imported(t, s, line(`"note-1"`, "named", "2026-01-04"), ImportOptions{})
	imported(t, s, line(`"note-1"`, "named again", "2026-01-05"), ImportOptions{})
	texts := commentTexts(t, s, "gt-a")
	seen := map[string]bool{}
	for id, text := range texts {
		seen[text] = true
		if id == "7" || id == "note-1" && text != "named" {
			t.Errorf("%q has the id %s", text, id)
		}
	}
	if len(texts) != 4 || len(seen) != 4 {
		t.Errorf("%q", texts)
	}
	was := exported(t, s)
	for _, again := range []string{line("7", "of one machine", "2026-01-05"), line(`"note-1"`, "named again", "2026-01-05"), was} {
		if r := imported(t, s, again, ImportOptions{}); r.Unchanged != 1 {
			t.Errorf("%s: %+v", again, r)
		}
	}
	if is := exported(t, s); is != was {
		t.Errorf("was %s\nis  %s", was, is)
	}
}

// The same holds for comments with one id in one line.
func TestCommentsOfOneIDInOneLine(t *testing.T) {
	s := newLedger(t)
	const one = `{"id":"n","author":"Kim","text":"first","created_at":"2026-01-02T05:00:00Z"}`
	both := one + "," + strings.Replace(one, "first", "second", 1)
	for range 2 {
		imported(t, s, line0+`,"comments":[`+both+","+one+`]}`, ImportOptions{Force: true})
		if texts := commentTexts(t, s, "gt-a"); len(texts) != 2 || texts["n"] != "first" {
			t.Errorf("%q", texts)
		}
	}
}

// A custom status stays what it is, and becomes one of this ledger's.
func TestACustomStatusStays(t *testing.T) {
	s, other := newLedger(t), newLedger(t)
	line := strings.Replace(line0, `"open"`, `"in_review"`, 1) + "}"
	r := imported(t, s, line, ImportOptions{})
	if r.Created != 1 || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], `line 1: the status "in_review" is new here`) {
		t.Errorf("%+v", r)
	}
	text := exported(t, s)
	if r := imported(t, s, text, ImportOptions{}); r.Unchanged != 1 || len(r.Warnings) != 0 || !strings.Contains(text, `"status":"in_review"`) {
		t.Errorf("%+v, %s", r, text)
	}
	if r := imported(t, other, text, ImportOptions{}); r.Created != 1 || exported(t, other) != text {
		t.Errorf("%+v", r)
	}
}

// What was imported is exported in a form that can be imported again, even where no
// bead here may have its status.
func TestOurExportOfAForeignBeadComesInAgain(t *testing.T) {
	s := newLedger(t)
	line := strings.Replace(line0, `"open"`, `"In_Review"`, 1) + `,"closed_at":"2026-01-02T05:00:00Z"}`
	r := imported(t, s, line, ImportOptions{})
	if r.Created != 1 || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "line 1: gt-a") || !strings.Contains(r.Warnings[0], `"In_Review"`) {
		t.Errorf("%+v", r)
	}
	got, err := s.Get(t.Context(), []string{"gt-a"}, nil)
	if err != nil || got[0].Status != town.StatusOpen || string(got[0].Extra["original_status"]) != `"In_Review"` || got[0].Extra["previously_closed_at"] == nil {
		t.Errorf("%+v, %v", got, err)
	}
	text := exported(t, s)
	if r := imported(t, s, text, ImportOptions{}); r.Unchanged != 1 || len(r.Warnings) != 0 {
		t.Errorf("%+v", r)
	}
	other := newLedger(t)
	if r := imported(t, other, text, ImportOptions{}); r.Created != 1 || exported(t, other) != text {
		t.Errorf("%+v", r)
	}
	if r := imported(t, s, line, ImportOptions{}); r.Unchanged != 1 || len(r.Warnings) != 1 {
		t.Errorf("%+v", r)
	}
}
