package ledger

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gastown/town"
)

// Every fault of a line is reported after its line number, in words of the
// format and not of this program.
func TestEveryFaultOfALineIsTold(t *testing.T) {
	s := newLedger(t)
	text := strings.Join([]string{
		`{"id":"gt-a"}`,
		`{"id":"gt-b","title":[7],"bogus":1,"bogus2":2,"due_at":"2026-02-30T00:00:00Z","updated_at":"soon","comments":{}}`,
		`[]`,
		`{"id":"gt-c","title":"x","priority":"soonish","issue_type":"a b","created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z"}`,
		`{"id":"gt-d","title":"x","estimated_minutes":2147483648,"created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z"}`,
	}, "\n")
	_, err := s.Import(t.Context(), strings.NewReader(text), ImportOptions{})
	want := []string{
		`line 1: gt-a: not a valid bead: title is missing`,
		`line 2: gt-b: not a valid bead: comments is an object`,
		`line 2: gt-b: due_at: not a valid bead: "2026-02-30T00:00:00Z" is not a date: write 2026-01-31T15:04:05Z`,
		`line 2: gt-b: not a valid bead: title is an array`,
		`line 2: gt-b: updated_at: not a valid bead: "soon" is not a date: write `,
		`line 3: not a valid bead: an array where an object is expected`,
		`line 4: gt-c: not a valid bead: priority is a string`,
		`line 5: gt-d: not a valid bead: estimated_minutes 2147483648`,
	}
	got := strings.Split(err.Error(), "\n")
	for i, w := range want {
		if i >= len(got) || !strings.HasPrefix(got[i], w) {
			t.Fatalf("fault %d is not %q:\n%v", i+1, w, err)
		}
	}
	if len(got) != len(want) || !errors.Is(err, town.ErrBadBead) {
		t.Errorf("%v", err)
	}
}

func TestAnEstimateBelowZeroIsNone(t *testing.T) {
	if _, err := ReadPatches(strings.NewReader(`{"id":"gt-a","estimated_minutes":-5}`)); !errors.Is(err, town.ErrBadBead) {
		t.Error(err)
	}
	p, err := ReadPatches(strings.NewReader(`{"id":"gt-a","estimated_minutes":null}`))
	if err != nil || len(p) != 1 || p[0].EstimatedMinutes == nil {
		t.Errorf("%+v, %v", p, err)
	}
}

// A change does not give an earlier date to a bead that came from a machine
// whose clock is ahead. Otherwise importing the same export again would undo
// the change as the older version.
func TestAChangeIsLaterThanWhatItChanges(t *testing.T) {
	s := newLedger(t)
	ahead := strings.ReplaceAll(line0, "2026-01-02", "2999-01-02")
	for what, change := range map[string]func(string) error{
		"update": func(id string) error {
			_, err := s.Update(t.Context(), []Patch{{ID: id, Title: &[]string{"changed here"}[0]}})
			return err
		},
		"close":   func(id string) error { _, err := closeBeads(t.Context(), s, []string{id}, "done"); return err },
		"comment": func(id string) error { _, err := s.Comment(t.Context(), id, "said"); return err },
		"link": func(id string) error {
			_, err := s.DepAdd(t.Context(), []town.Dependency{{Bead: id, Target: "external:a:b"}})
			return err
		},
	} {
		id := "gt-" + what
		line := strings.Replace(ahead, "gt-a", id, 1) + "}"
		imported(t, s, line, ImportOptions{})
		if err := change(id); err != nil {
			t.Fatal(what, err)
		}
		was := exported(t, s)
		if r := imported(t, s, line, ImportOptions{}); r.Older != 1 || exported(t, s) != was {
			t.Errorf("%s: %+v\nwas %s\nis  %s", what, r, was, exported(t, s))
		}
		got, err := s.Get(t.Context(), []string{id}, nil)
		if err != nil || got[0].UpdatedAt.Year() != 2999 {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	// There is a last moment.
	last := strings.ReplaceAll(strings.Replace(line0, "gt-a", "gt-last", 1), "2026-01-02T03:04:05Z", "9999-12-31T23:59:59.999999Z") + "}"
	imported(t, s, last, ImportOptions{})
	if _, err := s.Update(t.Context(), []Patch{{ID: "gt-last", Title: &[]string{"changed here"}[0]}}); err != nil {
		t.Error(err)
	}
	imported(t, s, strings.Replace(last, "gt-last", "gt-last2", 1), ImportOptions{})
	if _, err := s.Comment(t.Context(), "gt-last2", "said"); err != nil {
		t.Error(err)
	}
	if got, err := s.Get(t.Context(), []string{"gt-last", "gt-last2"}, nil); err != nil || got[0].UpdatedAt.After(time.Now()) || got[1].UpdatedAt.After(time.Now()) {
		t.Errorf("%+v, %v", got, err)
	}
}

// A line that is older than the bead leaves its fields as they are, but adds
// its new comments.
func TestAnOlderLineStillSays(t *testing.T) {
	s := newLedger(t)
	imported(t, s, line0+"}", ImportOptions{})
	if _, err := s.Update(t.Context(), []Patch{{ID: "gt-a", Title: &[]string{"changed here"}[0]}}); err != nil {
		t.Fatal(err)
	}
	older := line0 + `,"comments":[{"id":1,"issue_id":"gt-a","author":"Kim","text":"said there","created_at":"2026-01-02T05:00:00Z"}]}`
	for range 2 {
		if r := imported(t, s, older, ImportOptions{}); r.Older != 1 || r.Updated != 0 {
			t.Errorf("%+v", r)
		}
		texts := commentTexts(t, s, "gt-a")
		got, err := s.Get(t.Context(), []string{"gt-a"}, nil)
		if err != nil || got[0].Title != "changed here" || len(texts) != 1 {
			t.Errorf("%+v, %q, %v", got, texts, err)
		}
	}
}

func TestRestoringWhatIsThere(t *testing.T) {
	s := newLedger(t)
	b := create(t, s, titled("here"))[0]
	err := s.Restore(t.Context(), []string{b.ID, "gt-none"})
	var bad *BatchError
	if !errors.As(err, &bad) || len(bad.Entries) != 2 || !errors.Is(err, ErrAlive) || !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	for _, e := range bad.Entries {
		if errors.Is(e.Err, ErrAlive) != (e.ID == b.ID) {
			t.Errorf("%+v", e)
		}
	}
}
