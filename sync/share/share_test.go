package share

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gastown/town"
)

func bead(id string) town.Bead {
	at := time.Date(2026, 3, 4, 5, 6, 7, 8000, time.UTC)
	return town.Bead{
		ID: id, Title: "the title", Description: "the description", Notes: "the notes", Status: town.StatusOpen,
		Type: town.TypeBug, Priority: 2, Assignee: "ada", CreatedAt: at, UpdatedAt: at, Labels: []string{"public", "web"},
	}
}

func rule(t testing.TB, r Rule) Rule {
	t.Helper()
	if err := r.Normalise(); err != nil {
		t.Fatal(err)
	}
	return r
}

var noRig map[string]string

func TestWithoutRulesNothing(t *testing.T) {
	if _, ok := (Rules{}).Select(bead("gt-1"), noRig); ok {
		t.Fatal("a bead was selected by no rule")
	}
}

func TestDefaultFieldsOnly(t *testing.T) {
	s, ok := Rules{rule(t, Rule{Name: "all"})}.Select(bead("gt-1"), noRig)
	if !ok {
		t.Fatal("not selected")
	}
	want := map[string]string{
		"title": "the title", "status": "open", "issue_type": "bug", "priority": "2", "updated_at": "2026-03-04T05:06:07.000008Z",
	}
	if fmt.Sprint(s.Record.Values) != fmt.Sprint(want) {
		t.Fatalf("%v", s.Record.Values)
	}
	if err := s.Record.Check(); err != nil {
		t.Fatal(err)
	}
	b, shared := s.Record.Bead()
	if b.Title != "the title" || b.Priority != 2 || !b.UpdatedAt.Equal(bead("x").UpdatedAt) || b.Assignee != "" || len(shared) != 6 {
		t.Fatalf("%+v %v", b, shared)
	}
}

func TestMatching(t *testing.T) {
	rigs := map[string]string{"gastown": "gt"}
	b := bead("gt-abc.1")
	for _, c := range []struct {
		r    Rule
		want bool
	}{
		{Rule{Rig: "gastown"}, true}, {Rule{Rig: "gt"}, true}, {Rule{Rig: "g"}, false}, {Rule{Rig: "other"}, false},
		{Rule{Types: []town.BeadType{"task", "bug"}}, true}, {Rule{Types: []town.BeadType{"task"}}, false},
		{Rule{Statuses: []town.Status{"open"}}, true}, {Rule{Statuses: []town.Status{"closed"}}, false},
		{Rule{Labels: []string{"public", "web"}}, true}, {Rule{Labels: []string{"public", "secret"}}, false},
		{Rule{Labels: []string{"public"}, Statuses: []town.Status{"in-progress"}}, false},
	} {
		c.r.Name = "r"
		if _, got := (Rules{rule(t, c.r)}).Select(b, rigs); got != c.want {
			t.Errorf("%+v: %v", c.r, got)
		}
	}
}

func TestRedactionsOfAllRulesApply(t *testing.T) {
	b := bead("gt-1")
	b.Title, b.Labels = "call ACME-42 about ACME-43", []string{"ACME-1", "public"}
	a := rule(t, Rule{Name: "a", Fields: []string{"title", "labels"}})
	r := rule(t, Rule{Name: "b", Redact: []Redaction{{Field: "title", Pattern: `ACME-\d+`}, {Field: "labels", Pattern: `ACME-\d+`}}})
	for _, rules := range []Rules{{a, r}, {r, a}} {
		s, _ := rules.Select(b, noRig)
		if got := s.Record.Values["title"]; got != "call [redacted] about [redacted]" {
			t.Errorf("%q", got)
		}
		if got := s.Record.Values["labels"]; got != `["[redacted]","public"]` {
			t.Errorf("%q", got)
		}
		if !slices.Equal(s.Redacted, []string{"title", "labels"}) {
			t.Errorf("%v", s.Redacted)
		}
	}
}

// Where one rig's name is another's prefix, the name counts.
func TestRigByNameBeforePrefix(t *testing.T) {
	rigs := map[string]string{"web": "ui", "site": "web"}
	for _, c := range []struct {
		rig, id string
		want    bool
	}{{"web", "ui-1", true}, {"web", "web-1", false}, {"site", "web-1", true}, {"ui", "ui-1", true}} {
		if _, got := (Rules{rule(t, Rule{Name: "r", Rig: c.rig})}).Select(bead(c.id), rigs); got != c.want {
			t.Errorf("rig %s, bead %s: %v", c.rig, c.id, got)
		}
	}
}

// One redaction uncovers nothing that another cuts out, whatever their order.
func TestRedactionsSeeTheWholeText(t *testing.T) {
	b := bead("gt-1")
	b.Title, b.Labels = "key=ACME-PLANTED end", []string{"ACME-PLANTED"}
	a := rule(t, Rule{Name: "a", Fields: []string{"title", "labels"}, Redact: []Redaction{
		{Field: "title", Pattern: "ACME"}, {Field: "title", Pattern: "ACME-[A-Z]+"}, {Field: "labels", Pattern: "ACME"}}})
	r := rule(t, Rule{Name: "b", Redact: []Redaction{{Field: "title", Pattern: "key=ACME"}, {Field: "labels", Pattern: "ACME-[A-Z]+"}}})
	for _, rules := range []Rules{{a, r}, {r, a}} {
		s, _ := rules.Select(b, noRig)
		if title, labels := s.Record.Values["title"], s.Record.Values["labels"]; title != "[redacted] end" || labels != `["[redacted]"]` {
			t.Errorf("%q %q", title, labels)
		}
		if len(s.Cuts) != 2 || s.Cuts[0].Text != b.Title || s.Cuts[0].Ranges[0] != [2]int{0, 16} {
			t.Errorf("%+v", s.Cuts)
		}
	}
}

func TestBadRules(t *testing.T) {
	for _, r := range []Rule{
		{}, {Name: "Upper"}, {Name: "a", Fields: []string{"titel"}}, {Name: "a", Fields: []string{"comments"}},
		{Name: "a", Statuses: []town.Status{"gone"}}, {Name: "a", Labels: []string{"a,b"}}, {Name: "a", Types: []town.BeadType{"two words"}},
		{Name: "a", Redact: []Redaction{{Field: "title", Pattern: "("}}}, {Name: "a", Redact: []Redaction{{Field: "title", Pattern: "x*"}}},
		{Name: "a", Redact: []Redaction{{Field: "status", Pattern: "open"}}}, {Name: "a", Rig: "a b"},
	} {
		if err := r.Normalise(); !errors.Is(err, ErrRule) || !errors.Is(err, town.ErrUsage) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if _, err := ParseField("titel"); err == nil || !strings.Contains(err.Error(), "title") {
		t.Error(err)
	}
}

func TestAgreement(t *testing.T) {
	a, b := rule(t, Rule{Name: "a"}), rule(t, Rule{Name: "b", Redact: []Redaction{{Field: "title", Pattern: "x"}}})
	both := Rules{a, b}
	if got := both.Unconfirmed(nil, nil); len(got) != 2 {
		t.Error(got)
	}
	if got := both.Unconfirmed(both.Agreed(nil), nil); len(got) != 0 {
		t.Error(got)
	}
	if got := (Rules{b}).Unconfirmed(both.Agreed(nil), nil); len(got) != 0 {
		t.Error("a rule that went away, and cut out nothing, asks again", got)
	}
	if got := (Rules{a}).Unconfirmed(both.Agreed(nil), nil); len(got) != 1 {
		t.Error("a redaction went away unseen")
	}
	changed := a
	changed.Fields = append(slices.Clone(a.Fields), "notes")
	if got := (Rules{changed, b}).Unconfirmed(both.Agreed(nil), nil); len(got) != 2 && len(got) != 1 {
		t.Error(got)
	}
}

func TestFreeText(t *testing.T) {
	r := Record{ID: "gt-1", Values: map[string]string{"title": "a", "status": "open", "labels": `["l"]`}}
	if got := r.FreeText(); len(got) != 3 || got["id"] != "gt-1" || got["title"] != "a" || got["labels"] == "" {
		t.Fatal(got)
	}
}

func TestHostileValues(t *testing.T) {
	long := strings.Repeat("x", town.MaxTextBytes+1)
	for name, v := range map[string]string{
		"title": "esc \x1b[31m", "status": "open; DROP", "priority": "9", "updated_at": "yesterday", "description": long,
		"labels": `["a",`, "assignee": "a\u202eb", "notes": "bad \xff", "owner": "two\nlines", "closed_at": "2026-03-04T05:06:07Z", "colour": "red",
		"created_at": "2026-03-04T05:06:07.123456+01:00",
	} {
		err := Record{ID: "gt-1", Values: map[string]string{name: v}}.Check()
		if !errors.Is(err, ErrValue) || len(err.Error()) > 200 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (Record{ID: "../x"}).Check(); err == nil {
		t.Error("a path is an id")
	}
	if err := (Record{ID: "gt-1", Values: map[string]string{"description": "a\r\n\tb"}}).Check(); err != nil {
		t.Error(err)
	}
}

// A record holds no value of a field that no matching rule names, and no text that
// a rule cuts out, whatever the rules are.
func TestOnlyWhatRulesName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := town.Bead{
			ID: "gt-1", Title: "T0 SECRET", Description: "D0 SECRET", Notes: "N0 SECRET", Design: "G0 SECRET", Assignee: "A0", Owner: "O0",
			Status: rapid.SampledFrom(town.Statuses).Draw(t, "status"), Type: rapid.SampledFrom(town.BeadTypes).Draw(t, "type"),
			Labels: rapid.SliceOfDistinct(rapid.SampledFrom([]string{"l1", "l2"}), rapid.ID).Draw(t, "labels"),
		}
		marks := map[string]string{"title": "T0", "description": "D0", "notes": "N0", "design": "G0", "assignee": "A0", "owner": "O0"}
		var rules Rules
		for i := range rapid.IntRange(0, 3).Draw(t, "rules") {
			r := Rule{
				Name:     fmt.Sprint("r", i),
				Statuses: rapid.SliceOfN(rapid.SampledFrom(town.Statuses), 0, 3).Draw(t, "statuses"),
				Types:    rapid.SliceOfN(rapid.SampledFrom(town.BeadTypes), 0, 3).Draw(t, "types"),
				Labels:   rapid.SliceOfN(rapid.SampledFrom([]string{"l1", "l2"}), 0, 1).Draw(t, "with"),
				Fields:   rapid.SliceOfN(rapid.SampledFrom([]string{"title", "description", "notes", "design", "assignee", "owner"}), 1, 3).Draw(t, "fields"),
			}
			if rapid.Bool().Draw(t, "redact") {
				r.Redact = []Redaction{{Field: rapid.SampledFrom([]string{"title", "notes"}).Draw(t, "what"), Pattern: "SECRET"}}
			}
			if err := r.Normalise(); err != nil {
				t.Fatal(err)
			}
			rules = append(rules, r)
		}
		named, redacted, any := map[string]bool{}, map[string]bool{}, false
		for _, r := range rules {
			if !r.Matches(b, noRig) {
				continue
			}
			any = true
			for _, f := range r.Fields {
				named[f] = true
			}
			for _, red := range r.Redact {
				redacted[red.Field] = true
			}
		}
		s, ok := rules.Select(b, noRig)
		if ok != any {
			t.Fatalf("selected %v, matching %v", ok, any)
		}
		text := fmt.Sprint(s.Record.Values)
		for name, mark := range marks {
			if strings.Contains(text, mark) != (ok && named[name]) {
				t.Fatalf("%s: %s", name, text)
			}
			if redacted[name] && strings.Contains(s.Record.Values[name], "SECRET") {
				t.Fatalf("%s was not redacted", name)
			}
		}
	})
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config", "sharing.yaml")
	f, err := Load(path)
	if err != nil || len(f.Rules) != 0 {
		t.Fatal(err)
	}
	for _, r := range []Rule{
		{Name: "bugs", Types: []town.BeadType{"bug"}, Redact: []Redaction{{Field: "title", Pattern: `ACME-\d+`}}},
		{Name: "public", Labels: []string{"public"}, Fields: []string{"title", "type"}},
	} {
		if err := f.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Add(Rule{Name: "bugs"}); !errors.Is(err, ErrExists) {
		t.Fatal(err)
	}
	if err := f.Save(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info.Mode(), err)
	}
	text, _ := os.ReadFile(path)
	text = []byte(strings.Replace(string(text), "  - name: public", "  # Agreed with Beta.\n  - name: public", 1))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Save(); !errors.Is(err, town.ErrBusy) {
		t.Fatalf("written over an edit: %v", err)
	}
	if f, err = Load(path); err != nil || len(f.Rules) != 2 || f.Rules[1].Fields[2] != "issue_type" {
		t.Fatalf("%+v %v", f, err)
	}
	if s, ok := f.Rules.Select(bead("gt-1"), noRig); !ok || len(s.Rules) != 2 {
		t.Fatalf("%+v", s)
	}
	if err := f.Remove("bugs"); err != nil {
		t.Fatal(err)
	}
	if err := f.Remove("bugs"); !errors.Is(err, ErrNone) {
		t.Fatal(err)
	}
	if err := f.Save(); err != nil {
		t.Fatal(err)
	}
	text, _ = os.ReadFile(path)
	if !strings.Contains(string(text), "# Agreed with Beta.") || !strings.Contains(string(text), "# Without a rule nothing leaves") {
		t.Fatalf("comments are gone:\n%s", text)
	}
	if err := f.Remove("public"); err != nil {
		t.Fatal(err)
	}
	if err := f.Save(); err != nil {
		t.Fatal(err)
	}
	if f, err = Load(path); err != nil || len(f.Rules) != 0 {
		t.Fatal(err)
	}
	if err := f.Add(Rule{Name: "again"}); err != nil {
		t.Fatal(err)
	}
	if err := f.Save(); err != nil {
		t.Fatal(err)
	}
}

func TestMalformedFile(t *testing.T) {
	for _, text := range []string{
		"rules:\n- name: a\n  colour: red\n", "rules:\n- name: a\n- name: a\n", "rules: 3\n", "- a\n", "rules:\n- &x\n  name: a\n- *x\n",
		"rules:\n- name: a\n  fields: [titel]\n", "rules:\n- name: a\n---\nrules: []\n", "rules:\n- name: a\n  redact:\n  - field: title\n    pattern: '('\n",
		"share: []\n", "rules:\n- name: a\n  name: b\n", "\x00",
	} {
		path := filepath.Join(t.TempDir(), "sharing.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if f, err := Load(path); err == nil {
			t.Errorf("%q was read as %+v", text, f.Rules)
		} else if town.Next(err) == "" {
			t.Errorf("%q: no next step: %v", text, err)
		}
	}
	path := filepath.Join(t.TempDir(), "sharing.yaml")
	if err := os.WriteFile(path, []byte("# only words\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Add(Rule{Name: "a"}); err != nil {
		t.Fatal(err)
	}
	if err := f.Save(); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(path); !strings.Contains(string(text), "# only words") {
		t.Fatalf("%s", text)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); !errors.Is(err, town.ErrRefused) {
		t.Fatal(err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("rules:\n- name: a\n  fields: [title]\n")
	f.Fuzz(func(t *testing.T, text string) {
		file := &File{raw: []byte(text)}
		if file.parse() != nil {
			return
		}
		for _, r := range file.Rules {
			if err := r.Normalise(); err != nil {
				t.Fatalf("a rule that was read is refused: %v", err)
			}
		}
		file.Rules.Select(bead("gt-1"), noRig)
	})
}

// An approval of a rule for a rig is for the prefix the rig had. When the name
// comes to mean another prefix, the rule must be approved again.
func TestARigWithAnotherPrefixIsConfirmedAgain(t *testing.T) {
	r := Rule{Name: "web", Rig: "web"}
	if err := r.Normalise(); err != nil {
		t.Fatal(err)
	}
	rules := Rules{r}
	for _, c := range []struct {
		then, now map[string]string
		fresh     int
	}{
		{nil, nil, 0}, {nil, map[string]string{"other": "web"}, 0}, {nil, map[string]string{"web": "web"}, 0},
		{nil, map[string]string{"web": "wb"}, 1}, {map[string]string{"web": "wb"}, nil, 1},
		{map[string]string{"web": "wb"}, map[string]string{"web": "wb", "other": "web"}, 0},
		{map[string]string{"web": "wb"}, map[string]string{"web": "w2", "other": "wb"}, 1},
	} {
		if got := rules.Unconfirmed(rules.Agreed(c.then), c.now); len(got) != c.fresh {
			t.Errorf("agreed with %v, now %v: %d to be confirmed", c.then, c.now, len(got))
		}
	}
}
