package cli

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
	"gastown/town/layout"
)

// shop makes a Town with beads of which each condition selects some.
func shop(t *testing.T) place {
	p := newPlace(t)
	p.must("create", "--id", "gt-epic", "Ship it", "-t", "epic", "-p", "0")
	p.must("create", "--id", "gt-one", "Fix the LOGIN", "-t", "bug", "-p", "1", "--parent", "gt-epic", "-l", "ui,human", "-a", "Ada", "-d", "it breaks", "--notes", "see logs")
	p.must("create", "--id", "gt-two", "Write docs", "-p", "3", "--parent", "gt-epic", "-d", "login page", "--deps", "gt-one", "-l", "health:good,ui")
	p.must("create", "--id", "gt-old", "Clean up", "-t", "chore", "-p", "4", "--due", "2020-01-01")
	p.must("update", "gt-one", "-s", "in_progress")
	p.must("create", "--id", "gt-done", "Write docs", "-t", "task", "--parent", "gt-epic")
	p.must("close", "gt-done", "--reason", "Dismissed: no")
	p.must("create", "--id", "gt-later", "Later", "-s", "deferred", "--defer", "2999-01-01")
	return p
}

// listed are the ids that a command prints with --json.
func (p place) listed(args ...string) []string {
	p.t.Helper()
	var beads []struct {
		ID string `json:"id"`
	}
	p.json(&beads, args...)
	ids := []string{}
	for _, b := range beads {
		ids = append(ids, strings.TrimPrefix(b.ID, "gt-"))
	}
	slices.Sort(ids)
	return ids
}

// Each flag and command of the reading half selects the beads that it names.
func TestWhatReadingCommandsSelect(t *testing.T) {
	p := shop(t)
	for _, c := range []struct{ args, want string }{
		{"list --no-assignee", "epic later old two"},
		{"list --no-labels", "epic later old"},
		{"list --no-parent", "epic later old"},
		{"list --priority-min 3", "old two"},
		{"list --priority-max P1", "epic one"},
		{"list --priority-min 1 --priority-max 3 -p 3", "two"},
		{"list --title login", "one"},
		{"list --title-contains LOGIN", "one"},
		{"list --desc-contains LOGIN", "two"},
		{"list --notes-contains LOGS", "one"},
		{"list --empty-description", "epic later old"},
		{"list --exclude-type bug,epic", "later old two"},
		{"list --exclude-label human", "epic later old two"},
		{"list --overdue", "old"},
		{"list --deferred", "later"},
		{"list --defer-after 2998-01-01", "later"},
		{"list --due-before last_monday", "old"},
		{"list --ready", "epic old"},
		{"list --ready -t chore", "old"},
		{"list --no-pinned -t epic", "epic"},
		{"list --all --state closed", "done"},
		{"search --query login", "one two"},
		{"search login --title docs", "two"},
		{"children gt-epic", "done one two"},
		{"children epi -s open", "two"},
		{"stale --days 1", ""},
		{"query status=closed", "done"},
		{"query priority<=1", "epic one"},
		{"query type=bug_OR_type=chore", "old one"},
		{"query NOT_label=ui_AND_NOT_type=epic", "later old"},
		{"query parent=epic_AND_status!=closed", "one two"},
		{"query (title=docs_OR_title=clean)_AND_status!=open", "done"},
		{"query assignee=none_AND_priority>3", "old"},
		{"query id=gt-o*", "old one"},
		{"query created>7d_AND_label=none", "epic later old"},
		{"query due<=2020-01-01", "old"},
		{"query updated<7d", ""},
		{"query priority<0", ""},
		{"query title=docs --all", "done two"},
		{"todo", "later two"},
		{"todo list --all", "done later two"},
		{"human", "one"},
		{"dep list two", "epic one"},
		{"dep list two -t blocks", "one"},
		{"dep list gt-epic --direction up", "done one two"},
	} {
		args := strings.Fields(c.args)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "_", " ")
		}
		if got := strings.Join(p.listed(args...), " "); got != c.want {
			t.Errorf("bd %q lists %q, not %q", args, got, c.want)
		}
	}
}

// What cannot be meant is refused before anything is read, with a next step or the
// reason.
func TestReadingCommandsRefuse(t *testing.T) {
	p := shop(t)
	for _, c := range []struct{ args, want string }{
		{"list --priority-min 4 --priority-max 1", "no priority"},
		{"list --priority-min 7", "priority"},
		{"list --due-before monday", "say which"},
		{"list --format {{.Nothing}}", "--format"},
		{"list --format {{", "--format"},
		{"list --format dot --tree", "--format"},
		{"list --deleted --ready", "--deleted"},
		{"search", "one text"},
		{"search a --query b", "one text"},
		{"show gt-one --current", "not both"},
		{"show gt-one --refs --children", "one of"},
		{"show gt-one --as-of zzzz", "no one commit"},
		{"count --by-status --by-type", "one of"},
		{"stale --days 0", "--days"},
		{"query status", "one of ="},
		{"query status=", "a value"},
		{"query colour=red", "no field"},
		{"query status=open_status=open", "AND or OR"},
		{"query (status=open", "closing parenthesis"},
		{"query status>open", "= or !="},
		{"query created=nonsense", "is not a date"},
		{"query parent=gt-nowhere", "no such bead"},
		{"graph", "--all"},
		{"graph gt-one --all", "--all"},
		{"dep tree gt-one --max-depth -1", "--max-depth"},
		{"lint", "lack something"},
	} {
		args := strings.Fields(c.args)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "_", " ")
		}
		if code, out, said := p.run(args...); code == 0 || !strings.Contains(said, c.want) {
			t.Errorf("bd %q: exit %d, %s%s; it should say %q", args, code, out, said, c.want)
		}
	}
}

// The objects of the reading commands have the keys that clients read.
func TestKeysOfReadingCommands(t *testing.T) {
	p := shop(t)
	for _, c := range []struct{ args, want string }{
		{"count", `{"count":6}`},
		{"count -s open", `{"count":3}`},
		{"count --by-status", `{"groups":[{"count":1,"group":"closed"},{"count":1,"group":"deferred"},{"count":1,"group":"in_progress"},{"count":3,"group":"open"}],"total":6}`},
		{"count --by-priority -t bug", `{"groups":[{"count":1,"group":"P1"}],"total":1}`},
		{"count --by-assignee -t bug,epic", `{"groups":[{"count":1,"group":"(unassigned)"},{"count":1,"group":"Ada"}],"total":2}`},
		{"count --by-label -s open", `{"groups":[{"count":2,"group":"(no labels)"},{"count":1,"group":"health:good"},{"count":1,"group":"ui"}],"total":3}`},
		{"state gt-two health", `{"dimension":"health","issue_id":"gt-two","value":"good"}`},
		{"state two mood", `{"dimension":"mood","issue_id":"gt-two","value":null}`},
		{"state list gt-two", `{"issue_id":"gt-two","states":{"health":"good"}}`},
		{"human stats", `{"dismissed":0,"pending":1,"responded":0,"total":1}`},
		{"graph check", `{"clean":true,"cycles":[],"summary":{"cycle_count":0}}`},
		{"show gt-later --refs", `{"gt-later":[]}`},
		{"duplicates", `{"duplicate_groups":0,"groups":[]}`},
	} {
		if got := p.plain(strings.Fields(c.args)...); got != c.want {
			t.Errorf("bd %s prints %s, not %s", c.args, got, c.want)
		}
	}
	var epics []struct {
		Epic     struct{ ID string } `json:"epic"`
		Total    int                 `json:"total_children"`
		Closed   int                 `json:"closed_children"`
		Eligible bool                `json:"eligible_for_close"`
	}
	if p.json(&epics, "epic", "status"); len(epics) != 1 || epics[0].Epic.ID != "gt-epic" || epics[0].Total != 3 || epics[0].Closed != 1 || epics[0].Eligible {
		t.Errorf("%+v", epics)
	}
	p.must("create", "--id", "gt-twin", "Write docs", "-p", "3", "-d", "login page", "-l", "x")
	var twins struct {
		Count  int `json:"duplicate_groups"`
		Groups []struct {
			Target  string   `json:"suggested_target"`
			Sources []string `json:"suggested_sources"`
		} `json:"groups"`
	}
	if p.json(&twins, "duplicates"); twins.Count != 1 || twins.Groups[0].Target != "gt-two" || !slices.Equal(twins.Groups[0].Sources, []string{"gt-twin"}) {
		t.Errorf("%+v", twins)
	}
	var stats struct {
		Summary map[string]float64 `json:"summary"`
	}
	p.json(&stats, "status", "--no-activity")
	for _, key := range []string{"total_issues", "open_issues", "blocked_issues", "ready_issues", "average_lead_time_hours", "epics_eligible_for_closure"} {
		if _, ok := stats.Summary[key]; !ok {
			t.Errorf("no %s in %v", key, stats.Summary)
		}
	}
	for command, key := range map[string]string{"statuses": "built_in_statuses", "types": "core_types"} {
		var words map[string]json.RawMessage
		if p.json(&words, command); !strings.Contains(string(words[key]), `"name"`) {
			t.Errorf("bd %s: %s", command, words[key])
		}
	}
}

// plain is what a command prints with --json, without the schema's version, on one
// line and with sorted keys.
func (p place) plain(args ...string) string {
	p.t.Helper()
	var value map[string]any
	p.json(&value, args...)
	delete(value, "schema_version")
	text, err := json.Marshal(value)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// A bead can be shown as it was, with what refers to it, and by being worked on.
func TestShowOtherwise(t *testing.T) {
	p := shop(t)
	var versions []struct{ Commit string }
	p.json(&versions, "history", "gt-one", "--versions")
	p.must("update", "gt-one", "--title", "Another")
	if got := p.must("show", "gt-one", "--as-of", versions[0].Commit[:12], "--short"); !strings.Contains(got, "Fix the LOGIN") {
		t.Error(got)
	}
	if got := p.listed("show", "--id", "one"); !slices.Equal(got, []string{"one"}) {
		t.Error(got)
	}
	if got := p.listed("show", "--current", "--actor", "Ada"); !slices.Equal(got, []string{"one"}) {
		t.Error(got)
	}
	if code, _, said := p.run("show", "--current", "--actor", "Bob"); code != 1 || !strings.Contains(said, "bd ready") {
		t.Errorf("exit %d: %s", code, said)
	}
	if got := p.plain("show", "gt-epic", "--children"); strings.Count(got, `"dependency_type":"parent-child"`) != 3 {
		t.Error(got)
	}
	p.must("show", "gt-old")
	if got := p.listed("show"); !slices.Equal(got, []string{"old"}) {
		t.Error(got)
	}
	p.must("create", "--id", "gt-answer", "Re: Later", "-t", "message")
	p.must("dep", "add", "gt-answer", "gt-later", "-t", "replies-to")
	for _, id := range []string{"gt-answer", "gt-later"} {
		if got := p.listed("show", id, "--thread"); !slices.Equal(got, []string{"answer", "later"}) {
			t.Errorf("%s: %q", id, got)
		}
	}
}

// Trees, graphs and formats are what other programs draw.
func TestDrawings(t *testing.T) {
	p := shop(t)
	for args, want := range map[string]string{
		"dep tree gt-two --direction both":          "What it depends on",
		"dep tree gt-two --format mermaid":          "  b1 --> b2",
		"dep tree gt-one --reverse":                 "gt-two",
		"dep tree gt-epic --direction up -s closed": "",
		"graph gt-two":                              "layer 1",
		"graph --all":                               "layer 0",
		"graph gt-two --dot":                        `"gt-two" -> "gt-one" [label="blocks"];`,
		"list --format dot":                         `"gt-two" -> "gt-one"`,
		"list --format digraph":                     "gt-two gt-one",
		"list --format {{.ID}}:{{.Priority}}":       "gt-epic:0\n",
		"list --long -t bug":                        "it breaks",
		"types":                                     "milestone",
		"statuses":                                  "frozen",
	} {
		if got := p.must(strings.Fields(strings.Replace(args, " -s closed", " --status closed", 1))...); !strings.Contains(got, want) {
			t.Errorf("bd %s prints\n%s", args, got)
		}
	}
	if got := p.must("dep", "tree", "gt-epic", "--direction", "up", "--status", "closed"); !strings.Contains(got, "gt-done") || strings.Contains(got, "gt-two") {
		t.Error(got)
	}
}

// bd orphans finds open beads that commits name as done, not those that a commit
// mentions.
func TestOrphans(t *testing.T) {
	p := shop(t)
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", p.dir, "-c", "user.name=Ada", "-c", "user.email=ada@example.com"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v: %s", args, err, out)
		}
	}
	p.env = append(p.env, "PATH="+os.Getenv("PATH"))
	if code, _, said := p.run("orphans"); code == 0 || !strings.Contains(said, "git init") {
		t.Errorf("exit %d: %s", code, said)
	}
	git("init", "-q")
	for _, message := range []string{"Repair the form (gt-one)", "Closes: gt-two.", "see gt-old", "as said (gt-done)", "newer words (gt-one)"} {
		git("commit", "-q", "--allow-empty", "-m", message)
	}
	var found []map[string]string
	p.json(&found, "orphans")
	var got []string
	for _, f := range found {
		got = append(got, f["issue_id"]+" "+f["status"]+" "+f["latest_commit_message"])
	}
	if want := []string{"gt-one in_progress newer words (gt-one)", "gt-two open Closes: gt-two."}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	// With --fix they are closed, all or none.
	p.must("create", "A", "--id", "gt-first")
	p.must("dep", "add", "gt-two", "gt-first")
	if code, _, said := p.run("orphans", "--fix"); code != 1 || !strings.Contains(said, "gt-first") || p.shown("gt-one")["status"] != "in_progress" {
		t.Errorf("exit %d: %s", code, said)
	}
	if code, _, _ := p.run("orphans", "--fix", "--readonly"); code != shell.ExitRefused {
		t.Errorf("exit %d", code)
	}
	p.must("dep", "remove", "gt-two", "gt-first")
	p.json(&found, "orphans", "--fix")
	if len(found) != 2 || found[0]["status"] != "closed" || p.shown("gt-two")["close_reason"] != "Implemented" {
		t.Errorf("%v", found)
	}
	if p.json(&found, "orphans"); len(found) != 0 {
		t.Errorf("%v", found)
	}
}

// Metadata, specs, marks and custom words can be asked for, in flags and queries.
func TestWhatOtherProgramsStore(t *testing.T) {
	p := newPlace(t)
	line := `{"id":"gt-meta","title":"m","status":"open","issue_type":"task","priority":2,"created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z",` +
		`"metadata":{"team":"a b","n":7},"spec_id":"docs/x.md","pinned":true}`
	if code, out, said := p.feed(line, "import", "-"); code != 0 {
		t.Fatalf("exit %d: %s%s", code, out, said)
	}
	p.must("create", "--id", "gt-other", "o")
	store := opened(t, layout.Town{Root: p.dir})
	err := store.SetSettings(t.Context(), ledger.Setting{Name: ledger.CustomStatuses, Value: "in_review:active,qa"}, ledger.Setting{Name: ledger.CustomTypes, Value: "probe"})
	if err := errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"list", "--metadata-field", "team=a b"}, {"list", "--has-metadata-key", "n", "--spec", "docs/"}, {"list", "--pinned"}, {"query", "metadata.n=7"},
		{"query", "has_metadata_key=team AND spec=docs*"}, {"query", "pinned=true"}, {"query", "NOT ephemeral=yes AND NOT metadata.n=8 AND pinned=1"},
	} {
		if got := p.listed(args...); !slices.Equal(got, []string{"meta"}) {
			t.Errorf("bd %q lists %q", args, got)
		}
	}
	if got := p.listed("list", "--no-pinned"); !slices.Equal(got, []string{"other"}) {
		t.Errorf("%q", got)
	}
	if got := p.must("show", "gt-meta", "--long"); !strings.Contains(got, "docs/x.md") || !strings.Contains(got, `"team"`) {
		t.Error(got)
	}
	for _, args := range [][]string{{"list", "--metadata-field", "team"}, {"list", "--has-metadata-key", `a"b`}, {"query", "status=unheard"}, {"query", "type=unheard OR status=open"}} {
		if code, out, _ := p.run(args...); code == 0 {
			t.Errorf("bd %q: %s", args, out)
		}
	}
	if got := p.listed("query", "status=in_review OR type=probe"); len(got) != 0 {
		t.Errorf("%q", got)
	}
	var words struct {
		Statuses []map[string]string `json:"custom_statuses"`
		Types    []string            `json:"custom_types"`
	}
	if p.json(&words, "statuses"); len(words.Statuses) != 2 || words.Statuses[0]["category"] != "active" || words.Statuses[1]["category"] != "unspecified" {
		t.Errorf("%+v", words)
	}
	if p.json(&words, "types"); !slices.Equal(words.Types, []string{"probe"}) {
		t.Errorf("%+v", words)
	}
}

// Texts of several lines come out as they went in.
func TestTextsOfSeveralLines(t *testing.T) {
	p := shop(t)
	const text = "one\n\n  two\n"
	p.must("kv", "set", "k", text)
	p.must("remember", text, "--key", "m")
	for _, args := range [][]string{{"kv", "get", "k"}, {"recall", "m"}} {
		if got := p.must(args...); strings.TrimRight(got, "\n") != strings.TrimRight(text, "\n") {
			t.Errorf("%q: %q", args, got)
		}
	}
}

// The habits over other commands change what they say.
func TestHabits(t *testing.T) {
	p := shop(t)
	p.must("todo", "add", "Buy", "milk", "-p", "1")
	if got := p.listed("todo", "--title", "Buy milk"); len(got) != 1 {
		t.Fatalf("%q", got)
	} else if p.must("todo", "done", got[0]); len(p.listed("todo", "--title", "Buy milk")) != 0 {
		t.Error("it is not done")
	}
	p.must("human", "respond", "gt-one", "the", "second way")
	if got := p.must("show", "gt-one"); !strings.Contains(got, "Response: the second way") || !strings.Contains(got, "Responded") {
		t.Error(got)
	}
	if code, _, said := p.run("human", "dismiss", "gt-one"); code != 0 || !strings.Contains(said, "closed already") {
		t.Errorf("exit %d: %s", code, said)
	}
	p.must("update", "gt-old", "--add-label", "human")
	p.must("human", "dismiss", "gt-old", "--reason", "too late")
	if got := p.plain("human", "stats"); got != `{"dismissed":1,"pending":0,"responded":1,"total":2}` {
		t.Error(got)
	}
	for _, c := range []struct{ args, want string }{
		{"gt-two health=good", `"changed":false,"dimension":"health"`},
		{"gt-two health=bad", `"changed":true,"dimension":"health","event_id":"gt-two.1","issue_id":"gt-two","new_value":"bad","old_value":"good"`},
		{"gt-two mood=fine", `"event_id":"gt-two.2","issue_id":"gt-two","new_value":"fine","old_value":null`},
	} {
		if got := p.plain(append([]string{"set-state"}, strings.Fields(c.args)...)...); !strings.Contains(got, c.want) {
			t.Errorf("bd set-state %s prints %s", c.args, got)
		}
	}
	if got := p.plain("state", "list", "gt-two"); got != `{"issue_id":"gt-two","states":{"health":"bad","mood":"fine"}}` {
		t.Error(got)
	}
	if got := p.listed("children", "gt-two"); !slices.Equal(got, []string{"two.1", "two.2"}) {
		t.Error(got)
	}
	for _, args := range [][]string{{"set-state", "gt-two", "health"}, {"set-state", "gt-two", "=x"}, {"set-state", "gt-two", "a:b=x"}, {"human", "respond", "gt-two"}, {"todo", "add", ""}} {
		if code, out, _ := p.run(args...); code == 0 {
			t.Errorf("bd %q: %s", args, out)
		}
	}
}
