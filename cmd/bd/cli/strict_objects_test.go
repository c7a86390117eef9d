package cli

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"gastown/cmd/internal/shell"
)

// objects are the calls of strict clients, in order, with the kinds of the objects that
// they print: one object, or a list of at least one.
var objects = []struct {
	call string
	list bool
	kinds
}{
	{"stale --days 1 -s open", true, listed},
	{"human", true, listed},
	{"note gt-a text", false, beadKinds},
	{"assign gt-a kim", false, beadKinds},
	{"tag gt-a x", false, beadKinds},
	{"priority gt-a 1", false, beadKinds},
	{"label add gt-a y", true, kinds{"status": "text", "issue_id": "text", "label": "text"}},
	{"label list-all", true, kinds{"label": "text", "count": "number"}},
	{"label propagate gt-e z", true, kinds{"status": "text", "issue_id": "text", "label": "text"}},
	{"label remove gt-a y", true, kinds{"status": "text", "issue_id": "text", "label": "text"}},
	{"comment gt-a said", false, said.with(kinds{"schema_version?": "number"})},
	{"comments add gt-a said again", false, said.with(kinds{"schema_version?": "number"})},
	{"comments gt-a", true, said},
	{"comment list gt-a", true, said},
	{"link gt-b gt-a", false, linkKinds},
	{"dep add gt-c --blocked-by gt-b", false, linkKinds},
	{"dep relate gt-a gt-c", false, linkKinds},
	{"dep unrelate gt-a gt-c", false, linkKinds},
	{"dep list gt-b", true, linked},
	{"dep tree gt-b", true, beadKinds.with(kinds{"depth": "number", "parent_id": "text", "dependency_type?": "text", "truncated": "flag"})},
	{"dep remove gt-c gt-b", false, linkKinds},
	{"list", true, listed},
	{"search A", true, listed},
	{"query type=epic", true, listed},
	{"children gt-e", true, listed},
	{"todo", true, listed},
	{"ready --sort priority", true, listed},
	{"ready --mine --sort oldest --actor kim", true, listed},
	{"ready --explain", false, kinds{"ready": "any", "blocked": "any", "schema_version?": "number"}},
	{"blocked", true, waits},
	{"show gt-a --long", true, shown},
	{"history gt-a", true, kinds{"id?": "any", "issue_id": "text", "actor": "text", "event?": "text", "event_type?": "text", "field?": "text", "old_value?": "any", "new_value?": "any", "created_at": "time", "commit?": "text"}},
	{"count", false, kinds{"count": "number", "schema_version?": "number"}},
	{"count --by-type", false, kinds{"total": "number", "groups": "any", "schema_version?": "number"}},
	{"lint", false, kinds{"total": "number", "issues": "number", "results": "any", "schema_version?": "number"}},
	{"statuses", false, kinds{"built_in_statuses": "any", "custom_statuses?": "any", "schema_version?": "number"}},
	{"types", false, kinds{"core_types": "any", "custom_types?": "texts", "schema_version?": "number"}},
	{"duplicates", false, kinds{"duplicate_groups": "number", "groups": "any", "merge_results?": "any", "schema_version?": "number"}},
	{"find-duplicates", false, kinds{"pairs": "any", "count": "number", "method": "text", "threshold": "number", "schema_version?": "number"}},
	{"graph gt-a", false, kinds{"root": "object", "issues": "any", "layout": "object", "schema_version?": "number"}},
	{"graph check", false, kinds{"clean": "flag", "cycles": "any", "summary": "object", "schema_version?": "number"}},
	{"epic status", true, kinds{"epic": "object", "total_children": "number", "closed_children": "number", "eligible_for_close": "flag"}},
	{"epic close-eligible", false, kinds{"closed": "texts", "count": "number", "reason?": "text", "dry_run?": "flag", "schema_version?": "number"}},
	{"human stats", false, kinds{"total": "number", "pending": "number", "responded": "number", "dismissed": "number", "schema_version?": "number"}},
	{"set-state gt-a health=good", false, kinds{"issue_id": "text", "dimension": "text", "old_value": "any", "new_value": "text", "event_id?": "text", "changed": "flag", "schema_version?": "number"}},
	{"state gt-a health", false, kinds{"issue_id": "text", "dimension": "text", "value": "any", "schema_version?": "number"}},
	{"state list gt-a", false, kinds{"issue_id": "text", "states": "object", "schema_version?": "number"}},
	{"defer gt-c --until +2d", true, beadKinds},
	{"undefer gt-c", true, beadKinds},
	{"remember text --key k", false, kinds{"key": "text", "value": "text", "action": "text", "schema_version?": "number"}},
	{"recall k", false, kinds{"key": "text", "value": "text", "found": "flag", "schema_version?": "number"}},
	{"memories", false, kinds{"k": "text"}},
	{"forget k", false, kinds{"key": "text", "deleted": "text", "schema_version?": "number"}},
	{"kv set k v", false, kinds{"key": "text", "value": "text", "schema_version?": "number"}},
	{"kv get k", false, kinds{"key": "text", "value": "text", "found": "flag", "schema_version?": "number"}},
	{"kv list", false, kinds{"k": "text"}},
	{"kv clear k", false, kinds{"key": "text", "deleted": "text", "schema_version?": "number"}},
	{"config set jira.url x", false, kinds{"key": "text", "value": "text", "schema_version?": "number"}},
	{"config get jira.url", false, kinds{"key": "text", "value": "text", "schema_version?": "number"}},
	{"config set-many jira.a=x jira.b=y", true, kinds{"key": "text", "value": "text"}},
	{"config unset jira.url", false, kinds{"key": "text", "schema_version?": "number"}},
	{"stats", false, kinds{"summary": "object", "by_status": "object", "by_type": "object", "by_priority": "object", "by_assignee": "object", "schema_version?": "number"}},
	{"preflight", false, kinds{"checks": "any", "passed": "flag", "schema_version?": "number"}},
	{"doctor", false, kinds{"ledger": "text", "beads": "number", "bytes": "number", "overall_ok": "flag", "checks": "any", "schema_version?": "number"}},
	{"version", false, kinds{"version": "text", "build": "text", "own_version": "text", "dolt": "text", "go": "text", "system": "text", "schema_version?": "number"}},
	{"where", false, kinds{"path": "text", "town": "text", "prefix": "text", "database_path": "text", "schema_version?": "number"}},
	{"info", false, kinds{"database_path": "text", "town": "text", "mode": "text", "issue_count": "number", "config": "object", "schema?": "object", "schema_version?": "number"}},
	{"info --whats-new", false, kinds{"current_version": "text", "own_version": "text", "recent_changes": "any", "schema_version?": "number"}},
	{"ping", false, kinds{"status": "text", "store_ms": "number", "query_ms": "number", "total_ms": "number", "schema_version?": "number"}},
	{"dolt status", false, kinds{"backend": "text", "database": "text", "data_dir": "text", "mode": "text", "running": "flag", "pid?": "number", "socket?": "text", "address?": "text", "schema_version?": "number"}},
	{"sync", false, kinds{"remotes": "texts", "exchanged": "flag", "schema_version?": "number"}},
	{"init", false, kinds{"town": "text", "path": "text", "prefix": "text", "created": "flag", "schema_version?": "number"}},
	{"todo add Milk", false, beadKinds},
	{"update gt-a -p 0", true, beadKinds},
	{"ready --claim", true, beadKinds},
	{"close gt-a --suggest-next", false, kinds{"closed": "beads", "unblocked?": "any", "claimed?": "object", "schema_version?": "number"}},
	{"reopen gt-a", true, beadKinds},
	{"supersede gt-b --with gt-a", false, kinds{"superseded": "text", "replacement": "text", "status": "text", "schema_version?": "number"}},
	{"duplicate gt-c --of gt-a", false, kinds{"duplicate": "text", "canonical": "text", "status": "text", "schema_version?": "number"}},
	{"close gt-a 'so it is'", true, beadKinds},
	{"close gt-a", true, beadKinds.with(kinds{"already_closed": "flag"})},
	{"reopen gt-a", true, beadKinds},
	{"update gt-a --claim --actor kim", true, beadKinds},
	{"unclaim gt-a --actor kim", true, beadKinds},
	{"delete gt-c --force", true, kinds{"status": "text", "id": "text"}},
	{"restore gt-c", true, kinds{"status": "text", "id": "text"}},
	{"rename-prefix kw --from gt --dry-run", false, kinds{"old_prefix?": "text", "new_prefix": "text", "issues_count": "number", "dry_run?": "flag", "renamed": "any", "schema_version?": "number"}},
	{"create D --id gt-d", false, beadKinds},
	{"human respond gt-d yes", true, beadKinds},
	{"create F --id gt-f", false, beadKinds},
	{"human dismiss gt-f", true, beadKinds},
	{"create G --id gt-g", false, beadKinds},
	{"todo done gt-g", true, beadKinds},
}

// linkKinds is what commands print that make or remove a link.
var linkKinds = kinds{"status": "text", "issue_id": "text", "depends_on_id": "text", "type?": "text", "schema_version?": "number"}

// noObject are the commands whose output with --json is checked elsewhere, or is none that
// a client reads: texts, arrays of texts, other programs' objects.
var noObject = strings.Fields("help completion prime onboard quickstart setup edit q export import batch context config_list label_list dep_cycles graph_show orphans " +
	"dolt_show dolt_push dolt_pull")

// Every object that a command prints has the keys that clients know, and no others. A new
// command needs a line above.
func TestEveryObjectIsKnown(t *testing.T) {
	w := newWorld(t)
	const old = `{"id":"gt-o","title":"Old","labels":["human"],"created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z"}`
	if code, out, said := w.run(old, nil, "import", "-"); code != 0 {
		t.Fatalf("exit %d: %s%s", code, out, said)
	}
	for _, line := range []string{"create A --id gt-a", "create B --id gt-b -t bug", "create C --id gt-c", "create E --id gt-e -t epic", "create F --parent gt-e"} {
		w.must(words(t, line)...)
	}
	ran := map[string]bool{}
	for _, o := range objects {
		args := append(words(t, o.call), "--json")
		out := []byte(w.must(args...))
		ran[strings.TrimPrefix(Program(&shell.Invocation{Args: args}).Prepare().Name, "bd ")] = true
		var list []map[string]any
		if !o.list {
			out = slices.Concat([]byte("["), out, []byte("]"))
		}
		if err := json.Unmarshal(out, &list); err != nil || len(list) == 0 {
			t.Errorf("bd %s: %v: %s", o.call, err, out)
			continue
		}
		for _, object := range list {
			if wrong := o.check(object); len(wrong) > 0 {
				t.Errorf("bd %s: %q", o.call, wrong)
			}
		}
	}
	for name, c := range Program(&shell.Invocation{}).Table() {
		if !c.Hidden && !ran[name] && !slices.Contains(noObject, strings.ReplaceAll(name, " ", "_")) {
			t.Errorf("no strict client calls bd %s: add a line to objects", name)
		}
	}
}
