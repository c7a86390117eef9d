package cli

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/cmd/internal/shell"
)

// A strict client reads what bd prints as the MCP server of the public bd does: each
// key has one kind, and a key or a kind that it does not know is an error.

// kinds are the kinds of values, by key. A trailing ? says that the key may be missing.
type kinds map[string]string

// beadKinds are the keys of a bead in lists and as a result.
var beadKinds = kinds{
	"id": "text", "title": "text", "description?": "text", "design?": "text", "acceptance_criteria?": "text", "notes?": "text",
	"status": "text", "priority": "priority", "issue_type": "text", "assignee?": "text", "owner?": "text", "estimated_minutes?": "number",
	"created_at": "time", "created_by?": "text", "updated_at": "time", "started_at?": "time", "closed_at?": "time", "close_reason?": "text", "due_at?": "time",
	"defer_until?": "time", "external_ref?": "text", "spec_id?": "text", "metadata?": "object", "ephemeral?": "flag", "pinned?": "flag",
	"labels?": "texts", "parent?": "text", "schema_version?": "number",
	"dependency_count?": "number", "dependent_count?": "number", "comment_count?": "number",
}

// with returns the kinds with more keys.
func (k kinds) with(more kinds) kinds {
	all := kinds{}
	for _, from := range []kinds{k, more} {
		for key, kind := range from {
			all[key] = kind
		}
	}
	return all
}

var (
	linked = beadKinds.with(kinds{"dependency_type": "text"})
	edge   = kinds{"issue_id": "text", "depends_on_id": "text", "type": "text", "created_at": "time", "created_by?": "text", "metadata?": "any", "thread_id?": "text"}
	said   = kinds{"id": "text", "issue_id": "text", "author": "text", "text": "text", "created_at": "time"}
	// listed may have edges; the client takes their number and drops them.
	listed = beadKinds.with(kinds{"dependencies?": "edges", "blocked_by?": "texts", "blocked_by_count?": "number"})
	shown  = beadKinds.with(kinds{"dependencies?": "linked", "dependents?": "linked", "comments?": "comments"})
	waits  = listed.with(kinds{"blocked_by": "texts", "blocked_by_count": "number"})
)

// check reports what is wrong with an object.
func (k kinds) check(object map[string]any) (wrong []string) {
	for key, value := range object {
		kind := k[key]
		if kind == "" {
			kind = k[key+"?"]
		}
		if kind == "" {
			wrong = append(wrong, "unknown key "+key)
		} else if !isKind(kind, value) {
			wrong = append(wrong, fmt.Sprintf("%s is %v, not %s", key, value, kind))
		}
	}
	for key := range k {
		if _, there := object[key]; !there && !strings.HasSuffix(key, "?") {
			wrong = append(wrong, "no "+key)
		}
	}
	slices.Sort(wrong)
	return wrong
}

func isKind(kind string, value any) bool {
	number, _ := value.(float64)
	text, isText := value.(string)
	object, isObject := value.(map[string]any)
	list, isList := value.([]any)
	each := func(ok func(any) bool) bool {
		return isList && !slices.ContainsFunc(list, func(v any) bool { return !ok(v) })
	}
	of := func(k kinds) bool {
		return each(func(v any) bool {
			o, ok := v.(map[string]any)
			return ok && len(k.check(o)) == 0
		})
	}
	switch kind {
	case "any":
		return true
	case "text":
		return isText
	case "time":
		at, err := time.Parse(time.RFC3339, text)
		return isText && err == nil && !at.IsZero()
	case "number":
		_, ok := value.(float64)
		return ok
	case "priority":
		_, ok := value.(float64)
		return ok && number >= 0 && number <= 4 && number == float64(int(number))
	case "flag":
		_, ok := value.(bool)
		return ok
	case "object":
		return isObject && object != nil
	case "texts":
		return each(func(v any) bool { _, ok := v.(string); return ok })
	case "linked":
		return of(linked)
	case "edges":
		return of(edge)
	case "comments":
		return of(said)
	case "beads":
		return of(beadKinds)
	}
	return false
}

// The calls of the MCP server of the public bd, each with the form it has there.
func TestStrictClient(t *testing.T) {
	p := newPlace(t)
	p.env = append(p.env, "BEADS_DIR="+p.dir)
	// call runs a command as the server does, with --json at the end.
	call := func(args ...string) any {
		t.Helper()
		out := p.must(append(args, "--actor", "mcp", "--json")...)
		var v any
		if err := json.Unmarshal([]byte(out), &v); err != nil {
			t.Fatalf("bd %q: %v: %s", args, err, out)
		}
		return v
	}
	one := func(k kinds, args ...string) map[string]any {
		t.Helper()
		o, ok := call(args...).(map[string]any)
		if !ok {
			t.Fatalf("bd %q: not an object", args)
		}
		if wrong := k.check(o); len(wrong) > 0 {
			t.Errorf("bd %q: %q", args, wrong)
		}
		return o
	}
	list := func(k kinds, n int, args ...string) []any {
		t.Helper()
		l, ok := call(args...).([]any)
		if !ok || len(l) != n {
			t.Fatalf("bd %q: %v, want %d objects", args, l, n)
		}
		for _, v := range l {
			o, _ := v.(map[string]any)
			if wrong := k.check(o); len(wrong) > 0 {
				t.Errorf("bd %q: %q", args, wrong)
			}
		}
		return l
	}

	if out := p.must("version"); !regexp.MustCompile(`\d+\.\d+\.\d+`).MatchString(out) {
		t.Errorf("bd version: %s", out)
	}
	list(listed, 0, "list", "--limit", "20")
	epic := one(beadKinds, "create", "Epic", "-p", "1", "-t", "epic", "-d", "- all of it")["id"].(string)
	// As the result of create, edges inside would have the client make the bead again.
	first := one(beadKinds, "create", "First", "-p", "2", "-t", "task", "-d", "text", "--design", "d", "--acceptance", "a", "--external-ref", "gh-9",
		"--assignee", "kim", "-l", "x", "-l", "y", "--deps", "discovered-from:"+epic)["id"].(string)
	second := one(beadKinds, "create", "Second", "-p", "2", "-t", "bug")["id"].(string)
	p.must("dep", "add", second, first, "--type", "blocks", "--actor", "mcp")
	p.must("dep", "add", first, epic, "--type", "parent-child", "--actor", "mcp")
	p.must("comment", first, "- seen", "--actor", "mcp")
	p.must("note", first, "-- noted", "--actor", "mcp")
	list(said, 1, "comments", first)

	list(listed, 3, "list", "--limit", "20")
	list(listed, 1, "list", "--status", "open", "--priority", "2", "--type", "task", "--assignee", "kim", "--label", "x", "--label", "y",
		"--label-any", "x", "--title", "fir", "--limit", "5")
	list(listed, 2, "list", "--no-assignee", "--limit", "20")
	list(listed, 2, "ready", "--limit", "10")
	list(listed, 1, "ready", "--limit", "10", "--type", "task", "--priority", "2", "--label", "x", "--label-any", "y", "--parent", epic)
	list(listed, 1, "ready", "--limit", "10", "--unassigned")
	list(listed, 2, "ready", "--limit", "10", "--sort", "hybrid")
	list(listed, 2, "ready", "--limit", "10", "--sort", "oldest", "--unassigned=false")
	list(waits, 1, "blocked")
	list(waits, 0, "blocked", "--parent", epic)

	b := list(shown, 1, "show", first)[0].(map[string]any)
	if n := len(b["dependencies"].([]any)); n != 2 || len(b["dependents"].([]any)) != 1 || len(b["comments"].([]any)) != 1 {
		t.Errorf("%v", b)
	}
	// The client rejects edges in what update, close and reopen print, as in create.
	list(beadKinds, 1, "update", first, "--status", "in_progress", "--priority", "0", "--assignee", "lee", "--title", "First of all",
		"--description", "- a", "--design", "- b", "--acceptance", "- c", "--notes", "- d", "--external-ref", "gh-10")
	list(beadKinds, 1, "update", second, "--claim")
	list(beadKinds, 1, "update", second, "--status", "open")
	list(beadKinds, 1, "close", first, "--reason", "Completed")
	list(beadKinds, 1, "reopen", first, "--reason", "not yet")

	stats, _ := one(kinds{"summary": "object", "recent_activity?": "any", "by_status?": "object", "by_type?": "object", "by_priority?": "object",
		"by_assignee?": "object", "schema_version?": "number"}, "stats")["summary"].(map[string]any)
	for _, key := range []string{"total_issues", "open_issues", "in_progress_issues", "closed_issues", "blocked_issues", "ready_issues", "average_lead_time_hours"} {
		if _, ok := stats[key].(float64); !ok {
			t.Errorf("bd stats: %s is %v", key, stats[key])
		}
	}
	for _, args := range [][]string{{"info", "--schema"}, {"where"}, {"ping"}, {"context"}, {"dolt", "status"}, {"dolt", "show"}} {
		if _, ok := call(args...).(map[string]any); !ok {
			t.Errorf("bd %q: not an object", args)
		}
	}
	p.must("quickstart")
	p.must("init", "--actor", "mcp")
	if code, _, said := p.run("show", "bd-none", "--actor", "mcp", "--json"); code != shell.ExitFailed || said == "" {
		t.Errorf("an unknown bead: exit %d, %q on standard error", code, said)
	}
}
