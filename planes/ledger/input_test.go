package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gastown/town"
)

const line0 = `{"_type":"issue","id":"gt-a","title":"one","status":"open","priority":1,"issue_type":"task","created_at":"2026-01-02T03:04:05.123456Z","updated_at":"2026-01-02T03:04:05Z"`

func TestBadLinesAreAllNamedAndNothingIsImported(t *testing.T) {
	s := newLedger(t)
	text := strings.Join([]string{
		line0 + `}`,
		`{"id":"gt-b","title":`,
		``,
		strings.Replace(line0, "gt-a", "gt-c", 1) + `,"assigne":"x"}`,
		line0 + `}`,
		strings.Replace(strings.Replace(line0, "gt-a", "gt-x", 1), `"one"`, `"`+strings.Repeat("x", 501)+`"`, 1) + `}`,
		strings.Replace(strings.Replace(line0, "gt-a", "gt-d", 1), "open", "shut!", 1) + `}`,
		strings.Replace(line0, "gt-a", "gt-e", 1) + `,"description":"` + strings.Repeat("y", 10<<20) + `"}`,
		strings.Replace(line0, "gt-a", "gt-f", 1) + `,"dependencies":[{"issue_id":"gt-f","depends_on_id":"gt-f","type":"blocks","created_at":"2026-01-02T03:04:05Z"}]}`,
		strings.Replace(line0, "gt-a", "../etc", 1) + `}`,
		`[1]`,
		"{\"id\":\"gt-g\",\"title\":\"\xff\xfe\"}",
	}, "\n")
	_, err := s.Import(t.Context(), strings.NewReader(text), ImportOptions{Strict: true})
	var bad *BatchError
	if !errors.As(err, &bad) {
		t.Fatal(err)
	}
	var where []int
	for _, e := range bad.Entries {
		where = append(where, e.Line)
	}
	if diff := cmp.Diff([]int{2, 4, 5, 6, 7, 8, 9, 10, 11, 12}, slices.Compact(where)); diff != "" {
		t.Errorf("%s\n%v", diff, err)
	}
	for _, want := range []string{
		"line 2: malformed JSON", `line 4: gt-c: no such field: "assigne"; nearest: assignee`, "line 5: gt-a: not a valid bead: line 1 has this id too",
		"its title has 501 characters and is cut", `the status "shut!" may not be one here`, "description has 10485760 bytes, the limit is 1048576",
		"line 9: gt-f: not a valid bead: its link to itself is left out", "line 12: gt-g: not a valid bead: what is not UTF-8 is taken as", `id "../etc"`, "an array where an object is expected",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing says %q in\n%.2000v", want, err)
		}
	}
	if st, err := s.Stats(t.Context()); err != nil || st.Total != 0 {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestAStrictImportRefusesCyclesAndAnyWarnsOfOddities(t *testing.T) {
	s := newLedger(t)
	bead := func(id string, links ...string) string {
		var deps []string
		for _, l := range links {
			target, kind, _ := strings.Cut(l, " ")
			deps = append(deps, fmt.Sprintf(`{"issue_id":%q,"depends_on_id":%q,"type":%q,"created_at":"2026-01-02T03:04:05Z"}`, id, target, kind))
		}
		return strings.Replace(line0, "gt-a", id, 1) + `,"dependencies":[` + strings.Join(deps, ",") + "]}\n"
	}
	_, err := s.Import(t.Context(), strings.NewReader(bead("gt-a", "gt-b blocks")+bead("gt-b", "gt-c blocks")+bead("gt-c", "gt-a blocks")), ImportOptions{Strict: true})
	if !errors.Is(err, ErrCycle) || !strings.HasPrefix(err.Error(), "line ") {
		t.Errorf("%v", err)
	}
	result, err := s.Import(t.Context(), strings.NewReader(
		bead("gt-a", "gt-b blocks", "external:other:thing blocks", "gt-nowhere blocks")+bead("gt-b", "gt-a parent-child")+
			`{"_type":"memory","key":"k","value":"v"}`+"\n"+
			`{"id":"gt-gone","title":"x","status":"tombstone","priority":0,"created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z","deleted_at":"2026-01-02T03:04:05Z"}`), ImportOptions{})
	if err != nil || result.Created != 2 || result.Other != 0 || result.Memories != 1 || result.Deleted != 1 || len(result.Warnings) != 2 {
		t.Errorf("%+v, %v", result, err)
	}
	if cycles, err := s.DepCycles(t.Context()); err != nil || len(cycles) != 0 {
		t.Errorf("%v, %v", cycles, err)
	}
}

// theirs is a line as the public program writes it, with fields this one keeps
// without knowing what they mean.
const theirs = `{"_type":"issue","id":"MyProj-12","title":"Wide \u003ccharacters\u003e","description":"d","status":"closed","priority":0,"issue_type":"molecule","assignee":"sam","owner":"sam@example.com","estimated_minutes":30,"created_at":"2026-01-02T03:04:05.123456789+02:00","created_by":"Sam","updated_at":"2026-01-03T00:00:00Z","started_at":"2026-01-02T04:00:00Z","closed_at":"2026-01-03T00:00:00Z","close_reason":"done","external_ref":null,"metadata":{"k": [1, 2]},"pinned":true,"timeout":90000000000,"labels":["b","a"],"dependencies":[{"issue_id":"MyProj-12","depends_on_id":"external:x:y","type":"waits-for","created_at":"2026-01-02T03:04:05Z","created_by":"Sam","metadata":"{}"}],"comments":[{"id":7,"issue_id":"MyProj-12","author":"Kim","text":"seen","created_at":"2026-01-02T05:00:00Z"}],"dependency_count":1,"dependent_count":0,"comment_count":1}`

func TestAForeignExportComesInAndGoesOut(t *testing.T) {
	s := newLedger(t)
	if _, err := s.Import(t.Context(), strings.NewReader(theirs), ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := s.Export(t.Context(), Filter{}, func(b town.Bead) error { return WriteLine(&buf, b) }); err != nil {
		t.Fatal(err)
	}
	var in, out map[string]any
	if err := errors.Join(json.Unmarshal([]byte(theirs), &in), json.Unmarshal(buf.Bytes(), &out)); err != nil {
		t.Fatal(err)
	}
	in["created_at"], in["labels"] = "2026-01-02T01:04:05.123456Z", []any{"a", "b"}
	comment, said := in["comments"].([]any)[0].(map[string]any), out["comments"].([]any)[0].(map[string]any)
	if comment["id"] = said["id"]; said["id"] == "7" {
		t.Error("a comment keeps a number as its id")
	}
	delete(in["dependencies"].([]any)[0].(map[string]any), "metadata")
	for _, gone := range []string{"external_ref", "dependency_count", "dependent_count", "comment_count"} {
		delete(in, gone)
	}
	if diff := cmp.Diff(in, out); diff != "" {
		t.Error(diff)
	}
	unknown := strings.Replace(theirs, `"pinned"`, `"brand_new"`, 1)
	if _, err := s.Import(t.Context(), strings.NewReader(unknown), ImportOptions{Strict: true}); !errors.Is(err, ErrField) {
		t.Errorf("%v", err)
	}
	if r, err := s.Import(t.Context(), strings.NewReader(unknown), ImportOptions{}); err != nil || r.Updated != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	older := strings.Replace(theirs, `"updated_at":"2026-01-03`, `"updated_at":"2026-01-01`, 1)
	if r, err := s.Import(t.Context(), strings.NewReader(older), ImportOptions{}); err != nil || r.Older != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := s.Import(t.Context(), strings.NewReader(older), ImportOptions{Force: true}); err != nil || r.Updated != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if events, err := s.History(t.Context(), "MyProj-12"); err != nil || len(events) < 4 || events[0].Kind != "imported" {
		t.Errorf("%+v, %v", events, err)
	}
	versions, err := s.Versions(t.Context(), "MyProj-12", 0)
	if err != nil || len(versions) < 2 {
		t.Errorf("%d versions, %v", len(versions), err)
	}
}

// A dump of the public program's table has its columns: booleans as numbers,
// JSON as text, nothing as null or an empty text. A known one that is false is left out. Dates may stand for times.
func TestADumpOfTheirTableComesInAsAnExport(t *testing.T) {
	s := newLedger(t)
	in := `{"acceptance_criteria":"","actor":"","agent_state":"","assignee":null,"await_id":"","close_reason":"","closed_at":null,` +
		`"compacted_at":null,"compaction_level":0,"content_hash":"e1","created_at":"2026-03-04T23:08:26Z","created_by":"dog",` +
		`"crystallizes":0,"defer_until":"2099-01-01","due_at":null,"description":"x","ephemeral":1,"estimated_minutes":null,` +
		`"external_ref":null,"id":"hq-1x0k","issue_type":"task","metadata":"{\"k\": [1]}","original_size":null,"owner":"j@x",` +
		`"pinned":0,"priority":2,"source_repo_path":"/src","status":"deferred","timeout_ns":90,"title":"t",` +
		`"updated_at":"2026-03-04T23:08:26-08:00","waiters":"[\"a\"]","work_type":""}`
	imported(t, s, in, ImportOptions{})
	var out map[string]any
	if err := json.Unmarshal([]byte(exported(t, s)), &out); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"_type": "issue", "id": "hq-1x0k", "title": "t", "description": "x", "status": "deferred", "priority": 2.0,
		"issue_type": "task", "owner": "j@x", "created_at": "2026-03-04T23:08:26Z", "created_by": "dog",
		"updated_at": "2026-03-05T07:08:26Z", "defer_until": "2099-01-01T00:00:00Z", "compaction_level": 0.0,
		"crystallizes": false, "ephemeral": true, "metadata": map[string]any{"k": []any{1.0}},
		"source_repo_path": "/src", "timeout": 90.0, "waiters": []any{"a"},
	}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Error(diff)
	}
	if _, err := s.Import(t.Context(), strings.NewReader(strings.Replace(in, "2099-01-01", "2099-13-01", 1)), ImportOptions{}); err == nil {
		t.Error("took a thirteenth month")
	}
}

func TestABatchWithErrorsChangesNothing(t *testing.T) {
	s := newLedger(t)
	a := create(t, s, titled("a"))[0]
	patches, err := ReadPatches(strings.NewReader(`[
  {"id": "` + a.ID + `", "title": "new", "due_at": "2026-05-01T00:00:00Z"},
  {"id": "bd-nope", "status": "closed"},

  {"id": "` + a.ID + `", "priority": 9}
]`))
	if err != nil {
		t.Fatal(err)
	}
	var bad *BatchError
	if _, err := s.Update(t.Context(), patches); !errors.As(err, &bad) || len(bad.Entries) != 2 ||
		bad.Entries[0].Line != 3 || !errors.Is(bad.Entries[0].Err, ErrUnknown) || bad.Entries[1].Line != 5 {
		t.Errorf("%v", err)
	}
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Update(t.Context(), patches[:1]); err != nil || got[0].Title != "new" || got[0].DueAt == nil {
		t.Errorf("%+v, %v", got, err)
	}
	cleared, err := ReadPatches(strings.NewReader(`{"id":"` + a.ID + `","due_at":null}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Update(t.Context(), cleared); err != nil || got[0].DueAt != nil {
		t.Errorf("%+v, %v", got, err)
	}
	after, err := s.Head(t.Context())
	if err != nil || after == head {
		t.Errorf("nothing was committed: %v", err)
	}
	if _, err := s.Update(t.Context(), cleared); err != nil {
		t.Error(err)
	}
	if again, err := s.Head(t.Context()); err != nil || again != after {
		t.Errorf("what changes nothing was committed: %v", err)
	}
	for text, want := range map[string]string{
		`[{"id":"x"`:                         "malformed JSON",
		"[\n{\"id\":\"x\",\n\"titel\":1}]":   `line 2: x: no such field: "titel"; nearest: title`,
		`{"title":"x"}`:                      "id is missing",
		`[{"id":"x","status":null}]`:         "status cannot be null",
		`[{"id":"x"}] trailing`:              "malformed JSON",
		"{\"id\":\"x\"}\n{\"priority\":\"\"": "line 2",
	} {
		if _, err := ReadPatches(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestSQLInEveryArgument passes statements where people pass text.
func TestSQLInEveryArgument(t *testing.T) {
	s := newLedger(t)
	ctx := t.Context()
	evil := `x'; DROP TABLE issues; -- "\ ` + "`"
	n := titled(evil)
	n.Description, n.Assignee, n.Labels = evil, evil, []string{"x'--"}
	a := create(t, s, n)[0]
	create(t, s, titled("harmless"))
	for _, f := range []Filter{
		{Text: evil}, {Assignees: []string{evil}}, {Labels: []string{"x'--"}}, {IDs: []string{a.ID, evil}}, {AnyLabels: []string{"x'--", evil}},
	} {
		var items []Item
		if err := s.List(ctx, f, Collect(&items)); err != nil || len(items) != 1 || items[0].Description != evil {
			t.Errorf("%+v: %+v, %v", f, items, err)
		}
	}
	var items []Item
	for _, f := range []Filter{{Text: "%"}, {Text: "_"}, {Owners: []string{evil}}, {Prefixes: []string{evil}}, {Parent: evil}, {Types: []town.BeadType{town.BeadType(evil)}}} {
		if err := s.List(ctx, f, Collect(&items)); err != nil || len(items) != 0 {
			t.Errorf("%+v: %+v, %v", f, items, err)
		}
	}
	if err := s.List(ctx, Filter{Sort: []Order{{Field: evil}}}, Collect(&items)); !errors.Is(err, ErrField) {
		t.Errorf("%v", err)
	}
	if _, err := ParseOrder("-" + evil); !errors.Is(err, ErrField) {
		t.Errorf("%v", err)
	}
	if _, err := s.Get(ctx, []string{evil}, nil); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
	if _, err := s.Get(ctx, []string{"%"}, nil); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
	if _, err := s.Create(ctx, []NewBead{{Bead: town.Bead{ID: evil, Title: "x"}}}); !errors.Is(err, town.ErrBadBead) {
		t.Errorf("%v", err)
	}
	if _, err := s.Comment(ctx, a.ID, evil); err != nil {
		t.Error(err)
	}
	if err := s.Delete(ctx, []string{a.ID}, evil); err != nil {
		t.Error(err)
	}
	graves, err := s.Tombstones(ctx, Filter{Limit: 10})
	if err != nil || len(graves) != 1 || graves[0].Bead.Title != evil || graves[0].Reason != evil {
		t.Errorf("%+v, %v", graves, err)
	}
	if _, err := s.Create(ctx, []NewBead{{Bead: town.Bead{ID: a.ID, Title: "x"}}}); !errors.Is(err, ErrExists) {
		t.Errorf("the id of a deleted bead was given again: %v", err)
	}
	var unknown *UnknownError
	if _, err := s.Get(ctx, []string{a.ID}, nil); !errors.As(err, &unknown) || !unknown.Deleted {
		t.Errorf("%v", err)
	}
}

func TestFieldsSortsAndPrefixes(t *testing.T) {
	s := newLedger(t)
	ctx := t.Context()
	for _, r := range []*Store{s, second(t, s)} {
		if err := r.SetPrefix(ctx, "harbour", "hb"); err != nil {
			t.Fatal(err)
		}
		if err := r.SetPrefix(ctx, "other", "hb"); !errors.Is(err, ErrExists) {
			t.Errorf("%v", err)
		}
	}
	n := titled("b")
	n.Prefix, n.Labels, n.Description = "hb", []string{"l"}, "long"
	due := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	n.DueAt = &due
	b := create(t, s, n, titled("a"))[0]
	for _, r := range []*Store{s, second(t, s)} {
		fields, err := ParseFields("id, title,dependency_count")
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Get(ctx, []string{b.ID}, fields)
		if err != nil || got[0].Title != "b" || got[0].Description != "" || got[0].Labels != nil || got[0].DueAt != nil {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if _, err := ParseFields("id,tilte"); !errors.Is(err, ErrField) || !strings.Contains(err.Error(), "nearest: title") {
		t.Errorf("%v", err)
	}
	order, err := ParseOrder("-title,created")
	if err != nil {
		t.Fatal(err)
	}
	var items []Item
	if err := s.List(ctx, Filter{Sort: order, Fields: Fields{"title"}}, Collect(&items)); err != nil || items[0].Title != "b" || items[0].Labels != nil {
		t.Errorf("%+v, %v", items, err)
	}
	for _, f := range []Filter{{Prefixes: []string{"hb"}}, {Overdue: true}, {Due: Span{From: due, To: due.Add(1000)}}, {Offset: 1, Sort: []Order{{Field: "title"}}},
		{Offset: 1, Limit: 1 << 40, Sort: []Order{{Field: "title"}}}, {Limit: 1 << 40, Text: "hb-"}} {
		items = nil
		if err := s.List(ctx, f, Collect(&items)); err != nil || len(items) != 1 || items[0].ID != b.ID {
			t.Errorf("%+v: %+v, %v", f, items, err)
		}
	}
	tree, err := s.DepTree(ctx, b.ID, false, 0)
	if err != nil || len(tree) != 1 {
		t.Errorf("%+v, %v", tree, err)
	}
}
