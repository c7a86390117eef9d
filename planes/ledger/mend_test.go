package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gastown/town"
)

// Each oddity is mended in the obvious way and listed by its line. With Strict it is
// a fault instead.
func TestAnImportMends(t *testing.T) {
	s := newLedger(t)
	const dates = `"created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z"`
	for i, c := range []struct {
		line, want string
		check      func(b Detail) bool
	}{
		{`{"id":"ID","title":"t"}`, "it has no dates", func(b Detail) bool { return time.Since(b.CreatedAt) < time.Hour && b.UpdatedAt.Equal(b.CreatedAt) }},
		{`{"id":"ID","title":"t","created_at":"","updated_at":"0001-01-01T00:00:00Z"}`, "it has no dates", nil},
		{`{"id":"ID","title":"t","created_at":"2026-01-02 03:04:05"}`, "updated_at is missing", func(b Detail) bool { return b.UpdatedAt.Year() == 2026 }},
		{`{"id":"ID","title":"t","updated_at":"2026-01-02"}`, "created_at is missing", func(b Detail) bool { return b.CreatedAt.Year() == 2026 }},
		{`{"id":"ID","title":"t","labels":["a",""," b ","c,d",null],` + dates + `}`, `the label " b " is taken as ["b"]`,
			func(b Detail) bool { return strings.Join(b.Labels, " ") == "a b c d" }},
		{`{"id":"ID","title":"t","priority":9,` + dates + `}`, "priority 9 is taken as 4", func(b Detail) bool { return b.Priority == 4 }},
		{`{"id":"ID","title":"t","priority":9.0,` + dates + `}`, "priority 9 is taken as 4", func(b Detail) bool { return b.Priority == 4 }},
		{`{"id":"ID","title":"t","priority":"P0",` + dates + `}`, `priority "P0" is taken as 0`, func(b Detail) bool { return b.Priority == 0 }},
		{`{"id":"ID","title":"t","priority":"High",` + dates + `}`, `priority "High" is taken as 1`, func(b Detail) bool { return b.Priority == 1 }},
		{`{"id":"ID","title":"t","issue_type":"User Story!",` + dates + `}`, `the type "User Story!" is taken as story`,
			func(b Detail) bool { return b.Type == "story" && string(b.Extra["original_type"]) == `"User Story!"` }},
		{`{"id":"ID","title":"t","issue_type":"Bug",` + dates + `}`, `is taken as bug`, func(b Detail) bool { return b.Type == town.TypeBug }},
		{`{"id":"ID","title":"t","issue_type":"!",` + dates + `}`, `is taken as task`, func(b Detail) bool { return b.Type == town.TypeTask }},
		{`{"id":"ID","title":"t","dependencies":[{"depends_on_id":"external:x","type":"Waits On"},{"depends_on_id":"external:y","type":"?"}],` + dates + `}`, `is taken as waits-on`,
			func(b Detail) bool {
				return len(b.Dependencies) == 2 && b.Dependencies[0].Type == "waits-on" && b.Dependencies[1].Type == town.DepRelated
			}},
		{`{"id":"ID","title":"t","labels":["` + strings.Repeat("é", 51) + `","a\tb"],` + dates + `}`, `is taken as`,
			func(b Detail) bool {
				return len(b.Labels) == 2 && b.Labels[0] == "a b" && len(b.Labels[1]) <= town.MaxLabelBytes
			}},
		{`{"id":"ID","title":"` + strings.Repeat("é", 501) + `","description":"d",` + dates + `}`, `its title has 501 characters`,
			func(b Detail) bool {
				return b.Title == strings.Repeat("é", 499)+"…" && b.Description == strings.Repeat("é", 501)+"\n\nd"
			}},
		{`{"id":"ID","title":"a\u0000b","notes":"\u0000","comments":[{"text":"x\u0000y"}],` + dates + `}`, `NUL characters in title are left out`,
			func(b Detail) bool { return b.Title == "ab" && b.Notes == "" && b.Comments[0].Text == "xy" }},
		{`{"id":"ID","title":"t","created_at":1767323045,"updated_at":1767323045123}`, `created_at is a number and taken as 2026-01-02T03:04:05Z`,
			func(b Detail) bool {
				return b.CreatedAt.Unix() == 1767323045 && b.UpdatedAt.UnixMilli() == 1767323045123
			}},
		{`{"id":"ID","title":"t","created_at":0}`, "it has no dates", nil},
		{`{"id":"ID","Title":"t",` + dates + `}`, "Title is taken as title", func(b Detail) bool { return b.Title == "t" }},
		{`{"id":"ID","Title":"u","title":"t",` + dates + `}`, "Title is left out", func(b Detail) bool { return b.Title == "t" }},
		{`{"id":"ID","title":"t","status":"no word!",` + dates + `}`, `the status "no word!" may not be one here`,
			func(b Detail) bool {
				return b.Status == town.StatusOpen && string(b.Extra["original_status"]) == `"no word!"`
			}},
		{`{"id":"ID","title":"t","dependencies":[{"depends_on_id":"ID"},{"depends_on_id":""},{"depends_on_id":"external:x"}],` + dates + `}`, "its link to itself is left out",
			func(b Detail) bool { return len(b.Dependencies) == 1 }},
		{`{"id":"ID","title":"t","comments":[{"text":" "},{"text":"said"}],` + dates + `}`, "an empty comment is left out",
			func(b Detail) bool { return len(b.Comments) == 1 && b.Comments[0].CreatedAt.Year() == 2026 }},
		{`{"id":"ID","title":"t","labels":"a, b",` + dates + `}`, `labels "a, b" is taken as ["a"," b"]`, func(b Detail) bool { return strings.Join(b.Labels, " ") == "a b" }},
		{`{"id":"ID","title":"t","labels":" ",` + dates + `}`, `labels " " is taken as null`, func(b Detail) bool { return len(b.Labels) == 0 }},
		{`{"id":"ID","title":"t","labels":7,` + dates + `}`, `labels 7 is taken as ["7"]`, func(b Detail) bool { return strings.Join(b.Labels, " ") == "7" }},
		{`{"id":"ID","title":"t","labels":["a",1.50,null],` + dates + `}`, `is taken as ["a","1.50",null]`, func(b Detail) bool { return strings.Join(b.Labels, " ") == "1.50 a" }},
		{`{"id":"ID","title":7,"assignee":5,"description":-1.5,` + dates + `}`, `assignee 5 is taken as "5"`,
			func(b Detail) bool { return b.Title == "7" && b.Assignee == "5" && b.Description == "-1.5" }},
		{`{"id":"ID","title":"t","priority":1.5,` + dates + `}`, `priority 1.5 is taken as 2`, func(b Detail) bool { return b.Priority == 2 }},
		{`{"id":"ID","title":"t","priority":"1.4",` + dates + `}`, `priority "1.4" is taken as 1`, func(b Detail) bool { return b.Priority == 1 }},
		{`{"id":"ID","title":"t","priority":" 7 ",` + dates + `}`, `priority " 7 " is taken as 7`, func(b Detail) bool { return b.Priority == 4 }},
		{`{"id":"ID","title":"t","estimated_minutes":"30","pinned":"true",` + dates + `}`, `estimated_minutes "30" is taken as 30`,
			func(b Detail) bool { return *b.EstimatedMinutes == 30 && b.Pinned }},
		{`{"id":"ID","title":"t","estimated_minutes":29.6,"priority":"",` + dates + `}`, `estimated_minutes 29.6 is taken as 30`,
			func(b Detail) bool { return *b.EstimatedMinutes == 30 && b.Priority == defaultPriority }},
		{`{"id":"ID","title":"t","dependencies":["external:x",7],"comments":["said",{"text":8,"author":9}],` + dates + `}`, `is taken as [{"text":"said"}`,
			func(b Detail) bool {
				return len(b.Dependencies) == 2 && len(b.Comments) == 2 && b.Comments[0].Text+b.Comments[1].Text+b.Comments[1].Author == "said89"
			}},
		{`{"id":"\u0000ID","title":"t","dependencies":[{"depends_on_id":"external\u0000:x"}],` + dates + `}`, "NUL characters in id are left out",
			func(b Detail) bool { return b.Dependencies[0].ID == "external:x" }},
		{"{\"id\":\"ID\",\"title\":\"a\xff\xfeb\"," + dates + "}", "what is not UTF-8 is taken as \ufffd", func(b Detail) bool { return b.Title == "a\ufffdb" }},
	} {
		id := fmt.Sprintf("gt-%d", i)
		line := strings.ReplaceAll(c.line, "ID", id)
		if _, err := s.Import(t.Context(), strings.NewReader(line), ImportOptions{Strict: true}); !errors.Is(err, town.ErrBadBead) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("strict: %s: %v", line, err)
		}
		r := imported(t, s, line, ImportOptions{})
		if told := strings.Join(r.Warnings, "\n"); r.Created != 1 || !strings.Contains(told, "line 1: "+id+": ") || !strings.Contains(told, c.want) {
			t.Errorf("%s: %+v", line, r)
		}
		got, err := s.Get(t.Context(), []string{id}, nil)
		if err != nil || c.check != nil && !c.check(got[0]) {
			t.Errorf("%s: %+v, %v", line, got, err)
		}
		was := exported(t, s)
		if r := imported(t, s, line, ImportOptions{}); r.Unchanged != 1 || exported(t, s) != was {
			t.Errorf("again: %s: %+v\n%s\n%s", line, r, was, exported(t, s))
		}
	}
}

// A bead without an id gets one made of its content, so that it comes in once.
func TestABeadWithoutAnIDComesInOnce(t *testing.T) {
	s := newLedger(t)
	const line = `{"title":"by hand","description":"d","comments":[{"author":"Kim","text":"said"}]}`
	for i := range 2 {
		if r := imported(t, s, line, ImportOptions{}); r.Created != 1-i || r.Unchanged != i {
			t.Errorf("%+v", r)
		}
	}
	if r := imported(t, s, `{"title":"by hand","description":"other"}`, ImportOptions{}); r.Created != 1 {
		t.Errorf("%+v", r)
	}
}

// A line without dates does not replace what was changed here, unless by force.
func TestALineWithoutDatesIsOlder(t *testing.T) {
	s := newLedger(t)
	const line = `{"id":"gt-a","title":"one","dependencies":[{"depends_on_id":"external:x"}]}`
	imported(t, s, line, ImportOptions{})
	changed := strings.Replace(line, "one", "two", 1)
	if r := imported(t, s, changed, ImportOptions{}); r.Older != 1 || r.Updated != 0 {
		t.Errorf("%+v", r)
	}
	was, _ := s.Get(t.Context(), []string{"gt-a"}, nil)
	if r := imported(t, s, changed, ImportOptions{Force: true}); r.Updated != 1 {
		t.Errorf("%+v", r)
	}
	is, err := s.Get(t.Context(), []string{"gt-a"}, nil)
	if err != nil || is[0].Title != "two" || !is[0].UpdatedAt.After(was[0].UpdatedAt) || !is[0].CreatedAt.Equal(was[0].CreatedAt) {
		t.Errorf("%+v\n%+v, %v", was, is, err)
	}
}

// Of two lines with one id the newer one counts, and both say what they say.
func TestARepeatedID(t *testing.T) {
	s := newLedger(t)
	line := func(title, updated string) string {
		return fmt.Sprintf(`{"id":"gt-a","title":%q,"created_at":"2026-01-01T00:00:00Z","updated_at":%q,"comments":[{"text":%q,"author":"Kim"}]}`, title, updated, "of "+title)
	}
	text := line("newer", "2026-01-03T00:00:00Z") + "\n" + line("older", "2026-01-02T00:00:00Z")
	r := imported(t, s, text, ImportOptions{})
	if r.Created != 1 || len(r.Warnings) != 1 || !strings.HasPrefix(r.Warnings[0], "line 2: gt-a: line 1 has this id too") {
		t.Errorf("%+v", r)
	}
	got, err := s.Get(t.Context(), []string{"gt-a"}, nil)
	if err != nil || got[0].Title != "newer" || len(got[0].Comments) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := s.Import(t.Context(), strings.NewReader(text), ImportOptions{Strict: true}); err == nil || !strings.HasPrefix(err.Error(), "line 2: gt-a: ") {
		t.Error(err)
	}
}

// Of a cycle the link of the last line is left out. Links that are here already stay.
func TestACycleIsOpened(t *testing.T) {
	s := newLedger(t)
	line := func(id, target string) string {
		return strings.Replace(line0, "gt-a", id, 1) + fmt.Sprintf(`,"dependencies":[{"depends_on_id":%q,"type":"blocks"}]}`, target) + "\n"
	}
	two := line("gt-a", "gt-b") + line("gt-b", "gt-a")
	if _, err := s.Import(t.Context(), strings.NewReader(two), ImportOptions{Strict: true}); !errors.Is(err, ErrCycle) || !strings.HasPrefix(err.Error(), "line 2: gt-b: ") {
		t.Error(err)
	}
	r := imported(t, s, two, ImportOptions{})
	if r.Created != 2 || len(r.Warnings) != 1 || !strings.HasPrefix(r.Warnings[0], "line 2: gt-b: its link blocks gt-a is left out") {
		t.Errorf("%+v", r)
	}
	// gt-a comes last here, but its link was there before.
	r = imported(t, s, strings.ReplaceAll(line("gt-b", "gt-a")+line("gt-a", "gt-b"), `"updated_at":"2026-01-02`, `"updated_at":"2026-02-02`), ImportOptions{})
	if len(r.Warnings) != 1 || !strings.HasPrefix(r.Warnings[0], "line 1: gt-b: ") {
		t.Errorf("%+v", r)
	}
	if a, b := linkTargets(t, s, "gt-a"), linkTargets(t, s, "gt-b"); len(a) != 1 || len(b) != 0 {
		t.Errorf("%q, %q", a, b)
	}
	if cycles, err := s.DepCycles(t.Context()); err != nil || len(cycles) != 0 {
		t.Errorf("%v, %v", cycles, err)
	}
}

// Lines of which nothing can be made are left out, each listed, if that is asked for.
func TestInvalidLinesAreLeftOut(t *testing.T) {
	s := newLedger(t)
	text := strings.Join([]string{
		`{"id":"gt-x","title":"cut of`, `[1]`, `{"id":"gt-y"}`, `{"id":"../etc","title":"t"}`, "{\"id\":\"gt-\xff\",\"title\":\"t\"}",
		`{"id":"gt-z","title":"` + strings.Repeat("x", maxLine) + `"}`, `{"_type":"memory","key":"k","value":""}`, line0 + "}",
	}, "\n")
	if _, err := s.Import(t.Context(), strings.NewReader(text), ImportOptions{}); err == nil || !strings.Contains(err.Error(), "line 6: ") {
		t.Errorf("%.500v", err)
	}
	r := imported(t, s, text, ImportOptions{SkipInvalid: true})
	if r.Created != 1 || r.Invalid != 6 || len(r.Warnings) != 7 {
		t.Errorf("%+v", r)
	}
	for i, w := range r.Warnings {
		if !strings.HasPrefix(w, fmt.Sprintf("line %d: ", i+1)) || !strings.Contains(w, "left out") {
			t.Error(w)
		}
	}
}

// Unknown fields are kept and told of once; headers and lines of other kinds are no
// reason to refuse a file.
func TestWhatIsNotKnownIsKept(t *testing.T) {
	s := newLedger(t)
	text := `{"_schema":"beads-jsonl/1","_sort":"stable-v1"}` + "\n" + `{"_type":"config","key":"x"}` + "\n" + `{"_type":7}` + "\n" +
		line0 + `,"shape":{"round": true},"tint":1}` + "\n" + strings.Replace(line0, "gt-a", "gt-b", 1) + `,"tint":2}`
	if _, err := s.Import(t.Context(), strings.NewReader(text), ImportOptions{Strict: true}); !errors.Is(err, ErrField) || !strings.Contains(err.Error(), `line 4: gt-a: no such field: "shape"`) {
		t.Error(err)
	}
	r := imported(t, s, text, ImportOptions{})
	if r.Other != 3 || r.Created != 2 || len(r.Warnings) != 1 || !strings.HasPrefix(r.Warnings[0], "line 4: 2 lines have fields that this bd does not know: shape, tint;") {
		t.Errorf("%+v", r)
	}
	if out := exported(t, s); !strings.Contains(out, `"shape":{"round":true},"tint":1}`) || !strings.Contains(out, `"tint":2}`) {
		t.Error(out)
	}
}

// Memories come in with beads, in the same commit. Newer ones replace those that are
// here; one without a date does not, unless by force.
func TestMemoriesComeIn(t *testing.T) {
	s := newLedger(t)
	line := func(text, more string) string {
		return fmt.Sprintf(`{"_type":"memory","key":"k","value":%q%s}`, text, more)
	}
	text := func() string {
		m, _, err := s.Recall(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		return m.Text
	}
	if r := imported(t, s, line("one", ""), ImportOptions{}); r.Memories != 1 || text() != "one" {
		t.Errorf("%+v, %q", r, text())
	}
	if r := imported(t, s, line("one", ""), ImportOptions{}); r.Memories != 0 || len(r.Warnings) != 0 {
		t.Errorf("%+v", r)
	}
	if r := imported(t, s, line("two", ""), ImportOptions{}); r.Memories != 0 || len(r.Warnings) != 1 || text() != "one" {
		t.Errorf("%+v, %q", r, text())
	}
	if r := imported(t, s, line("three", `,"updated_at":"2999-01-01T00:00:00Z"`), ImportOptions{}); r.Memories != 1 || text() != "three" {
		t.Errorf("%+v, %q", r, text())
	}
	if r := imported(t, s, line("four", ""), ImportOptions{Force: true}); r.Memories != 1 || text() != "four" {
		t.Errorf("%+v, %q", r, text())
	}
	if r := imported(t, s, line("five", `,"updated_at":"2999-06-01T00:00:00Z"`), ImportOptions{DryRun: true}); r.Memories != 1 || text() != "four" {
		t.Errorf("%+v, %q", r, text())
	}
}

func TestMemoryKey(t *testing.T) {
	for text, want := range map[string]string{
		"Always run the tests with -race": "always-run-the-tests-with-race", "a b c d e f g h i j": "a-b-c-d-e-f-g-h", "é!": "",
		strings.Repeat("x", 70): strings.Repeat("x", 60), "already-a-name": "already-a-name",
	} {
		if got := MemoryKey(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// A whole number is a priority, however it is written.
func TestAnImportReadsWholeNumbers(t *testing.T) {
	s := newLedger(t)
	for i, c := range []struct {
		priority string
		want     int
	}{{"1.0", 1}, {"3e0", 3}, {"0.0", 0}, {"-0.0", 0}} {
		id := fmt.Sprintf("gt-%d", i)
		r := imported(t, s, `{"id":"`+id+`","title":"t","created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z","priority":`+c.priority+`}`, ImportOptions{Strict: true})
		if got, err := s.Get(t.Context(), []string{id}, nil); err != nil || got[0].Priority != c.want || r.Created != 1 {
			t.Errorf("%s: %+v, %v", c.priority, got, err)
		}
	}
	for _, none := range []string{"1e400", `"NaN"`, "[1]", "true"} {
		if _, err := s.Import(t.Context(), strings.NewReader(`{"id":"gt-x","title":"t","priority":`+none+`}`), ImportOptions{}); !errors.Is(err, town.ErrBadBead) {
			t.Errorf("%s: %v", none, err)
		}
	}
}

// A memory is taken whatever its name is; one without a text is left out.
func TestNamesOfMemories(t *testing.T) {
	s := newLedger(t)
	long := strings.Repeat("ä", MaxMemoryName)
	var lines []string
	for _, name := range []string{"two words", "a/b: c'd \"e\" 🧠", " at the ends ", "tab\there\x01", "", long, long + "x"} {
		line, err := json.Marshal(map[string]string{"_type": "memory", "key": name, "value": "say " + name + "\x00"})
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	lines = append(lines, `{"_type":"memory","key":"none","value":""}`)
	r := imported(t, s, strings.Join(lines, "\n"), ImportOptions{})
	if r.Memories != 7 || len(r.Warnings) != 6 || !strings.HasPrefix(r.Warnings[0], `line 3: the name " at the ends " of a memory`) {
		t.Errorf("%+v", r)
	}
	list, err := s.Memories(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, m := range list {
		names[m.Name] = true
		if err := m.Check(); err != nil {
			t.Error(err)
		}
	}
	for _, want := range []string{"two words", "a/b: c'd \"e\" 🧠", "at the ends", "tab here", "say"} {
		if !names[want] {
			t.Errorf("no memory %q in %v", want, names)
		}
	}
	if r := imported(t, s, strings.Join(lines, "\n"), ImportOptions{}); r.Memories != 0 {
		t.Errorf("%+v", r)
	}
	if _, err := s.Import(t.Context(), strings.NewReader(lines[2]), ImportOptions{Strict: true}); err == nil || !strings.HasPrefix(err.Error(), "line 1: ") {
		t.Error(err)
	}
}
