package ledger

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gastown/planes/doltdb"
	"gastown/planes/doltdb/doltdbtest"
	"gastown/town"
)

// before is a ledger of the schema before a step, with what the statements write. A
// server has it where tests use one.
func before(t testing.TB, step string, statements ...string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data", "ledger")
	var steps []doltdb.Migration
	for _, m := range migrations {
		if m.Name == step {
			break
		}
		steps = append(steps, m)
	}
	db, err := doltdb.CreateStore(t.Context(), options(dir), uuid, steps)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Update(t.Context(), "rows", func(tx *doltdb.Tx) error {
		for _, s := range statements {
			if _, err := tx.Exec(t.Context(), s); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !doltdbtest.Serve(t, dir, db.Close) {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const oldBeads = "INSERT INTO issues (id, title, description, design, acceptance_criteria, notes, status, priority, issue_type, assignee, owner," +
	" created_at, created_by, updated_at, close_reason, external_ref, extra) "

func oldBead(id, extra string) string {
	return oldBeads + "VALUES ('" + id + "', 'old', '', '', '', '', 'open', 2, 'task', '', '', '2026-01-02 03:04:05', 'ada', '2026-01-02 03:04:05', '', '', '" + extra + "')"
}

// What earlier versions stored among the uninterpreted fields of a bead moves to where
// it belongs, exactly, and the rest stays. A store of the former schema opens.
func TestTheMeaningOfFormerBeads(t *testing.T) {
	dir := before(t, "meaning",
		oldBead("gt-a", `{"brand_new":{"ephemeral":true},"metadata":{"big":12345678901234567890,"a":[1]},"spec_id":"docs/x.md"}`),
		oldBead("gt-b", `{"ephemeral":true,"is_template":false}`), oldBead("gt-c", ``),
		oldBead("gt-d", `{"metadata":[1],"pinned":"yes","spec_id":7}`),
		"INSERT INTO dependencies VALUES ('gt-b', 'gt-a', 'blocks', '2026-01-02 03:04:05', 'ada')")
	s, err := Open(t.Context(), options(dir), uuid)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	text := exported(t, s)
	for _, want := range []string{
		`"brand_new":{"ephemeral":true}`, `"metadata":{"big":12345678901234567890,"a":[1]}`, `"spec_id":"docs/x.md"`, `"metadata":[1]`, `"pinned":"yes"`, `"spec_id":7`,
	} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%s is not once in\n%s", want, text)
		}
	}
	got, err := s.Get(t.Context(), []string{"gt-a", "gt-b", "gt-c", "gt-d"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got[0].SpecID != "docs/x.md" || got[0].Ephemeral || len(got[0].Extra) != 1 || !got[1].Ephemeral || got[1].Template || got[1].Extra != nil || got[3].Pinned {
		t.Errorf("%+v", got)
	}
	for name, f := range map[string]Filter{
		"gt-a": {Spec: "docs/"}, "gt-a gt-c gt-d": {Ephemeral: new(bool)}, "": {Metadata: map[string]string{"a": "[1]", "b": "x"}},
	} {
		if ids := listedIDs(t, s, f); strings.Join(ids, " ") != name {
			t.Errorf("%+v selects %v", f, ids)
		}
	}
	versions, err := s.Versions(t.Context(), "gt-b", 0)
	if err != nil || len(versions) == 0 || versions[len(versions)-1].Title != "old" {
		t.Errorf("%+v, %v", versions, err)
	}
	// A change writes the fields where they belong, and nothing gets lost.
	title := "new"
	if _, err := s.Update(t.Context(), []Patch{{ID: "gt-a", Title: &title}, {ID: "gt-d", Title: &title}}); err != nil {
		t.Fatal(err)
	}
	again := exported(t, s)
	for _, want := range []string{`"metadata":{"big":12345678901234567890,"a":[1]}`, `"metadata":[1]`, `"spec_id":7`} {
		if strings.Count(again, want) != 1 {
			t.Errorf("%s is not once in\n%s", want, again)
		}
	}
}

// listedIDs are the ids that a filter selects, sorted.
func listedIDs(t contexts, s *Store, f Filter) (ids []string) {
	t.Helper()
	var items []Item
	f.Sort = []Order{{Field: "id"}}
	if err := s.List(t.Context(), f, Collect(&items)); err != nil {
		t.Fatal(err)
	}
	for _, i := range items {
		ids = append(ids, i.ID)
	}
	return ids
}

// Every field of a bead and of a link is stored, exported, imported, deleted and
// restored, and every patch of it changes it.
func TestNewFieldsGoEverywhere(t *testing.T) {
	s := newLedger(t)
	ctx := t.Context()
	a := create(t, s, titled("a"))[0]
	n := titled("b")
	n.Metadata, n.SpecID = json.RawMessage(` { "k": "v", "n": 7, "o": {"x":[true]} } `), "spec/1"
	n.Dependencies = []town.Dependency{{Target: a.ID, Type: town.DepWaitsFor, Metadata: town.AnyChild, Thread: "t1"}}
	b := create(t, s, n)[0]
	yes, no := true, false
	patch := Patch{
		ID: b.ID, Ephemeral: &yes, Template: &yes, Pinned: &yes,
		SetMetadata: map[string]json.RawMessage{"z": json.RawMessage(`"9"`)}, UnsetMetadata: []string{"o"},
	}
	changed, err := s.Update(ctx, []Patch{patch})
	if err != nil || string(changed[0].Metadata) != `{"k":"v","n":7,"z":"9"}` || !changed[0].Ephemeral || !changed[0].Template || !changed[0].Pinned {
		t.Fatalf("%+v, %v", changed, err)
	}
	for _, f := range []Filter{
		{Metadata: map[string]string{"k": "v", "n": "7"}}, {MetadataKeys: []string{"z"}}, {Spec: "spec"}, {Ephemeral: &yes},
		{Limit: 10, Metadata: map[string]string{"z": "9"}},
	} {
		if ids := listedIDs(t, s, f); len(ids) != 1 || ids[0] != b.ID {
			t.Errorf("%+v selects %v", f, ids)
		}
	}
	for _, f := range []Filter{{Metadata: map[string]string{"k": "w"}}, {MetadataKeys: []string{"o"}}, {Spec: "pec"}, {MetadataKeys: []string{`"`}}} {
		if ids := listedIDs(t, s, f); len(ids) != 0 {
			t.Errorf("%+v selects %v", f, ids)
		}
	}
	text := exported(t, s)
	if !strings.Contains(text, `"metadata":"{\"gate\":\"any-children\"}","thread_id":"t1"`) {
		t.Error(text)
	}
	if err := s.Delete(ctx, []string{b.ID}, ""); err != nil {
		t.Fatal(err)
	}
	dead, err := s.Tombstones(ctx, Filter{Metadata: map[string]string{"k": "v"}, Spec: "spec", Ephemeral: &yes})
	if err != nil || len(dead) != 1 {
		t.Errorf("%+v, %v", dead, err)
	}
	if dead, err = s.Tombstones(ctx, Filter{Ephemeral: &no}); err != nil || len(dead) != 0 {
		t.Errorf("%+v, %v", dead, err)
	}
	if err := s.Restore(ctx, []string{b.ID}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(text, exported(t, s)); diff != "" {
		t.Error(diff)
	}
	other := newLedger(t)
	if r := imported(t, other, text, ImportOptions{}); r.Created != 2 || len(r.Warnings) > 0 {
		t.Errorf("%+v", r)
	}
	if diff := cmp.Diff(text, exported(t, other)); diff != "" {
		t.Error(diff)
	}
	patches, err := ReadPatches(strings.NewReader(`{"id":"` + b.ID + `","metadata":null,"ephemeral":null,"is_template":false,"pinned":null,"spec_id":null}`))
	if err == nil {
		changed, err = s.Update(ctx, patches)
	}
	if err != nil || changed[0].Metadata != nil || changed[0].Ephemeral || changed[0].Template || changed[0].Pinned || changed[0].SpecID != "" {
		t.Errorf("%+v, %v", changed, err)
	}
}

func TestSettings(t *testing.T) {
	s := newLedger(t)
	ctx := t.Context()
	if err := s.SetSettings(ctx, Setting{"jira.url", "https://x"}, Setting{"kv.a", ""}); err != nil {
		t.Fatal(err)
	}
	head, _ := s.Head(ctx)
	if err := s.SetSettings(ctx, Setting{"jira.url", "https://x"}); err != nil {
		t.Fatal(err)
	}
	if again, _ := s.Head(ctx); again != head {
		t.Error("a value that was there made a commit")
	}
	if v, ok, err := s.Setting(ctx, "kv.a"); v != "" || !ok || err != nil {
		t.Error(v, ok, err)
	}
	if list, err := s.Settings(ctx, "jira."); err != nil || len(list) != 1 || list[0].Value != "https://x" {
		t.Error(list, err)
	}
	for range 2 {
		if _, err := s.DeleteSetting(ctx, "kv.a"); err != nil {
			t.Error(err)
		}
	}
	if list, err := s.Settings(ctx, ""); err != nil || len(list) != 1 {
		t.Error(list, err)
	}
	for _, bad := range []Setting{
		{"", "x"}, {" a", "x"}, {"a\x00", "x"}, {strings.Repeat("a", 256), "x"}, {"a", strings.Repeat("x", MaxSetting+1)}, {"a", "\xff"},
		{CustomStatuses, "ok,not ok"}, {CustomTypes, "ok,Ü"},
	} {
		if err := s.SetSettings(ctx, bad); err == nil {
			t.Errorf("%.40q is accepted", bad)
		}
	}
	events, err := s.History(ctx, TrailSettings)
	if err != nil || len(events) != 3 || events[0].Field != "jira.url" || events[2].Kind != "deleted" {
		t.Errorf("%+v, %v", events, err)
	}
}

func TestMemories(t *testing.T) {
	s := newLedger(t)
	ctx := t.Context()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	added, changed, err := s.Remember(ctx, Memory{Name: "build", Text: "use make\n"}, Memory{Name: "old", Text: "Ünicode", Author: "kim", CreatedAt: at, UpdatedAt: at})
	if added != 2 || changed != 0 || err != nil {
		t.Error(added, changed, err)
	}
	added, changed, err = s.Remember(ctx, Memory{Name: "build", Text: "use make test"}, Memory{Name: "old", Text: "Ünicode"})
	if added != 0 || changed != 1 || err != nil {
		t.Error(added, changed, err)
	}
	m, ok, err := s.Recall(ctx, "old")
	if !ok || err != nil || m != (Memory{"old", "Ünicode", "kim", at, at}) {
		t.Errorf("%+v, %v", m, err)
	}
	if list, err := s.Memories(ctx, "MAKE"); err != nil || len(list) != 1 || list[0].Text != "use make test" || list[0].Author != "Ada" {
		t.Error(list, err)
	}
	for _, bad := range []Memory{{Name: "", Text: "x"}, {Name: "a", Text: " "}, {Name: " a", Text: "x"}, {Name: "a", Text: "\xff"}, {Name: "a", Text: strings.Repeat("x", town.MaxTextBytes+1)}} {
		if _, _, err := s.Remember(ctx, Memory{Name: "fine", Text: "x"}, bad); err == nil {
			t.Errorf("%.40q is accepted", bad)
		}
	}
	for _, want := range []bool{true, false} {
		if got, err := s.Forget(ctx, "build"); got != want || err != nil {
			t.Error(got, err)
		}
	}
	if list, err := s.Memories(ctx, ""); err != nil || len(list) != 1 {
		t.Error(list, err)
	}
	events, err := s.History(ctx, TrailMemories)
	if err != nil || len(events) != 4 || events[3].Old != "use make test" {
		t.Errorf("%+v, %v", events, err)
	}
}

// Custom statuses and types are accepted once a setting has them, and an import adds
// those it brings.
func TestCustomWords(t *testing.T) {
	s := newLedger(t)
	for _, r := range []*Store{s, second(t, s)} {
		if err := r.CheckWords(t.Context(), Filter{Statuses: []town.Status{"review", "open"}}); !errors.Is(err, town.ErrUsage) || !strings.Contains(err.Error(), `"review"`) {
			t.Errorf("%v", err)
		}
	}
	n := titled("a")
	n.Status, n.Type = "review", "widget"
	if _, err := s.Create(t.Context(), []NewBead{n}); err == nil || !strings.Contains(err.Error(), "review") || !strings.Contains(err.Error(), "widget") {
		t.Errorf("%v", err)
	}
	if err := s.SetSettings(t.Context(), Setting{CustomStatuses, "review:wip, Testing"}, Setting{CustomTypes, "widget"}); err != nil {
		t.Fatal(err)
	}
	a := create(t, s, n)[0]
	status := town.Status("testing")
	if got, err := s.Update(t.Context(), []Patch{{ID: a.ID, Status: &status}}); err != nil || got[0].Status != "testing" {
		t.Errorf("%+v, %v", got, err)
	}
	line := strings.Replace(line0, `"open"`, `"in_review"`, 1)
	r := imported(t, s, strings.Replace(line, `"issue_type":"task"`, `"issue_type":"gadget"`, 1)+"}", ImportOptions{})
	if r.Created != 1 || len(r.Warnings) < 1 {
		t.Errorf("%+v", r)
	}
	for _, r := range []*Store{s, second(t, s)} {
		for _, f := range []Filter{{Statuses: []town.Status{"testing", "in_review"}}, {}, {Limit: 10}, {Limit: 10, Not: []town.Status{town.StatusClosed}}} {
			if ids := listedIDs(t, r, f); len(ids) != 2 {
				t.Errorf("%+v: %v", f, ids)
			}
		}
	}
	words, err := s.Words(t.Context())
	if err != nil || len(words.Statuses) != len(town.Statuses)+3 {
		t.Errorf("%+v, %v", words, err)
	}
	if got, err := words.Status("In-Review"); got != "in_review" || err != nil {
		t.Error(got, err)
	}
}
