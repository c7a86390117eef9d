package cli

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"gastown/cmd/internal/shell"
)

// What bd show prints.
func TestExpectShow(t *testing.T) {
	const a = "create A --id gt-a -d text"
	const family = a + "; create B --id gt-b --deps gt-a; create C --id gt-c --parent gt-a; "
	expect(t, []row{
		{setup: a, argv: "show gt-a", gives: "id=gt-a title=A description=text status=open priority=2 issue_type=task created_by=Ada"},
		{setup: a, argv: "view gt-a", prints: "gt-a"},
		{setup: family, argv: "show gt-b gt-a", prints: "gt-b gt-a"},
		{setup: family, argv: "show gt-a", gives: "dependents=gt-b,gt-c dependencies="},
		{setup: family, argv: "show gt-c", gives: "parent=gt-a dependencies=gt-a"},
		{setup: a, argv: "show gt-a --long", gives: "id=gt-a"},
		{setup: family, argv: "show --id gt-a", prints: "gt-a"},
		{setup: family + "update gt-b --claim; show gt-a", argv: "show --current --long --include-dependents", prints: "gt-b"},
		{setup: family, argv: "show gt-a --children", gives: "gt-a=gt-c"},
		{setup: family, argv: "show gt-a --refs", gives: "gt-a=gt-b,gt-c"},
		{setup: a + "; create R --id gt-r -t message; dep add gt-r gt-a --type replies-to", argv: "show gt-a --thread", prints: "gt-a gt-r"},
		{setup: a, argv: "show gt-a --as-of none", code: 1},
		{setup: a, argv: "show gt-a --fields id,title", gives: "id=gt-a title=A status="},
		{setup: a, argv: "show gt-a gt-none", code: 1},
		{argv: "show gt-none", code: 1},
		{setup: a + "; update gt-a -p 0", argv: "history gt-a", gives: "actor=Ada"},
	})
}

// Which beads lists show, and in which order.
func TestExpectLists(t *testing.T) {
	const some = "create 'Fix the LOGIN' --id gt-a -t bug -p 0 -a kim -l ui,human -d 'it breaks' --notes logs --spec-id docs/x.md --external-ref gh-9 --metadata '{\"team\":\"core\"}';" +
		"create 'Write docs' --id gt-b -p 1 -t epic; create Later --id gt-c -p 3 --parent gt-b --defer 2999-01-01;" +
		"create Old --id gt-d -p 4 -t chore --due 2020-01-01; create Done --id gt-e; close gt-e;"
	var rows []row
	for _, c := range [][2]string{
		{"list", "gt-a gt-b gt-c gt-d"}, {"ls", "gt-a gt-b gt-c gt-d"}, {"list --all", "gt-a gt-b gt-e gt-c gt-d"}, {"list --status closed", "gt-e"}, {"list --status open,closed", "gt-a gt-b gt-e gt-d"},
		{"list --limit 1", "gt-a"}, {"list -n 2", "gt-a gt-b"}, {"list --limit 0 --tree=false", "gt-a gt-b gt-c gt-d"}, {"list --title login", "gt-a"}, {"list --title-contains LOG", "gt-a"},
		{"list --desc-contains BREAKS", "gt-a"}, {"list --notes-contains log", "gt-a"}, {"list --no-assignee", "gt-b gt-c gt-d"}, {"list --unassigned", "gt-b gt-c gt-d"}, {"list --no-labels", "gt-b gt-c gt-d"},
		{"list --no-parent", "gt-a gt-b gt-d"}, {"list --priority-min 3", "gt-c gt-d"}, {"list --priority-max P1", "gt-a gt-b"}, {"list --priority 0,4", "gt-a gt-d"}, {"list --type feature", "-"}, {"list --type bug,epic", "gt-a gt-b"},
		{"list --exclude-type bug", "gt-b gt-c gt-d"}, {"list --exclude-label ui", "gt-b gt-c gt-d"}, {"list --label ui,human", "gt-a"}, {"list --label-any ui,none", "gt-a"}, {"list --assignee kim", "gt-a"},
		{"list --label-pattern u*", "gt-a"}, {"list --label-pattern U*", "-"}, {"list --label-pattern h", "-"}, {"list --label-pattern '[a-z]?'", "gt-a"},
		{"list --label-regex 'h.m'", "gt-a"}, {"list --label-regex '^u$'", "-"}, {"list --label-regex '^(ui|x)$' --label-pattern hu*", "gt-a"}, {"list --metadata-field team=core", "gt-a"}, {"list --metadata-field team=other", "-"}, {"list --has-metadata-key team", "gt-a"}, {"list --ready", "gt-a gt-b gt-d"}, {"list --deferred", "gt-c"}, {"list --overdue", "gt-d"},
		{"list --spec docs/", "gt-a"}, {"list --external-ref gh-9", "gt-a"}, {"list --external-ref gh", "-"}, {"list --label-exact ui,human", "gt-a"}, {"list --label-exact u", "-"}, {"list --skip-labels -l ui,human", "gt-a"}, {"list --parent gt-b", "gt-c"}, {"list --id gt-a,gt-d", "gt-a gt-d"}, {"list --long", "gt-a gt-b gt-c gt-d"}, {"list --sort title", "gt-a gt-c gt-d gt-b"}, {"list --sort created", "gt-d gt-c gt-b gt-a"},
		{"list --sort created --reverse", "gt-a gt-b gt-c gt-d"}, {"list --format json", "gt-a gt-b gt-c gt-d"}, {"search docs", "gt-b"}, {"search LOGIN --status closed", "-"}, {"search nothing", "-"}, {"children gt-b", "gt-c"},
		{`query 'parent="" AND priority<=1'`, "gt-a gt-b"}, {`query 'id=gt-c AND parent=""'`, "-"}, {"query parent=gt-b", "gt-c"}, {"query 'parent=none AND label=ui'", "gt-a"},
		{"stale --days 1", "-"}, {"query priority<=1", "gt-a gt-b"}, {"query status=closed", "gt-e"}, {"query 'type=bug OR type=chore'", "gt-a gt-d"}, {"query 'NOT label=ui AND assignee=none'", "gt-b gt-c gt-d"}, {"human", "gt-a"},
	} {
		rows = append(rows, row{setup: some, argv: c[0], prints: c[1]})
	}
	expect(t, append(rows, []row{
		{setup: some, argv: "list --parent gt-b", gives: "id=gt-c parent=gt-b dependencies=<nil> status=deferred comment_count=0"},
		{setup: some, argv: "list --status garbage", code: 1},
		{setup: some, argv: "list --priority 9", code: 1},
		{setup: some, argv: "list --label-pattern '[u'", code: 1},
		{setup: some, argv: "list --label-regex '('", code: 1},
		{setup: some + "config set status.custom in_review; update gt-d -s in_review", argv: "list --status in_review", says: []string{`Total: 1 bead \(1 in review\)`}},
		{setup: some, argv: "list --sort colour", code: 1},
		{setup: some, argv: "list --limit x", code: 1},
		{setup: some, argv: "list --format '{{.ID}}' -t bug", says: []string{`^gt-a$`}},
		{setup: some, argv: "list --format dot", says: []string{`"gt-c" -> "gt-b"`}},
		{setup: some, argv: "list --format '{{.None}}'", code: 1},
		{setup: some, argv: "list --pretty --no-pager --flat", says: []string{"gt-a", "Total: 4"}},
		{setup: some + "config set status.custom in_review; update gt-d -s in_review", argv: "list --status in_review", prints: "gt-d"},
		{setup: some, argv: "query colour=red", code: 1},
		{setup: some, argv: "children gt-none", code: 1},
		{setup: some, argv: "children ''", code: 1, says: []string{"ID is empty, so nothing was done"}},
		{setup: "create A --id gt-a; create B --id gt-b; close gt-a; close gt-b", argv: "list --all --sort closed", prints: "gt-b gt-a"},
		{setup: "create A --id gt-a; create B --id gt-b; update gt-a -p 0", argv: "list --sort updated", prints: "gt-a gt-b"},
	}...))
}

// What bd says about the ledger as a whole.
func TestExpectSurveys(t *testing.T) {
	const some = "create A --id gt-a -t bug -l x; create B --id gt-b -t epic; create C --id gt-c --parent gt-b; close gt-c;"
	expect(t, []row{
		{setup: some, argv: "count", gives: "count=3"},
		{setup: some, argv: "count --status open", gives: "count=2"},
		{setup: some, argv: "count --by-status", gives: "total=3"},
		{setup: some, argv: "count --by-label", says: []string{"x"}},
		{setup: some, argv: "stats", gives: "summary.total_issues=3 summary.open_issues=2 summary.closed_issues=1 summary.average_lead_time_hours=0"},
		{setup: some, argv: "status", gives: "summary.total_issues=3"},
		{setup: some, argv: "epic status", gives: "epic.id=gt-b total_children=1 closed_children=1 eligible_for_close=true"},
		{setup: some, argv: "epic status --eligible-only", gives: "epic.id=gt-b"},
		{setup: some, argv: "statuses", says: []string{"in_progress"}, gives: "schema_version=1"},
		{setup: "config set status.custom in_review:active", argv: "statuses --json", says: []string{`"custom_statuses"`, `"in_review"`}},
		{setup: "config set types.custom incident", argv: "types", gives: "custom_types=incident"},
		{setup: some, argv: "lint", gives: "issues=2"},
		{setup: some, argv: "lint gt-a", code: 1, says: []string{"Steps to Reproduce"}},
		{setup: some + "create A --id gt-d -t bug", argv: "duplicates", gives: "duplicate_groups=1"},
		{setup: some, argv: "duplicates", gives: "duplicate_groups=0"},
		{setup: some + "create A --id gt-d -t bug", argv: "duplicates --auto-merge --dry-run", holds: "gt-a status=open\ngt-d status=open"},
		{setup: "create 'Fix the login page' --id gt-a; create 'fix THE login Page!' --id gt-b; create Other --id gt-c", argv: "find-duplicates", gives: "count=1 method=mechanical",
			says: []string{`"issue_b_id": "gt-b"`, `"similarity": 1`}},
		{setup: "create 'one two three four' --id gt-a; create 'one two' --id gt-b", argv: "find-dups --threshold 0.7", gives: "count=0"},
		{setup: "create 'one two three four' --id gt-a; create 'one two' --id gt-b", argv: "find-duplicates --threshold 0.6 -n 1", gives: "count=1"},
		{setup: "create 'one two' --id gt-a; create 'one two' --id gt-b; close gt-b", argv: "find-duplicates", gives: "count=0"},
		{setup: "create 'one two' --id gt-a; create 'one two' --id gt-b; close gt-b", argv: "find-duplicates --status all", gives: "count=1"},
		{argv: "find-duplicates --threshold 0", code: 1},
		{argv: "find-duplicates --method ai", code: 1, says: []string{"asks no model"}},
		{setup: some, argv: "graph gt-c", gives: "root.id=gt-c"},
		{setup: some, argv: "graph gt-c --json", says: []string{`"created_by": "Ada"`}},
		{setup: some, argv: "graph --all --json", says: []string{`"created_by": "Ada"`}},
		{setup: "create '<script>alert(1)</script>' --id gt-a; create B --id gt-b --deps gt-a", argv: "graph gt-a --html",
			says: []string{`&lt;script&gt;alert`, `data-from="gt-b" data-to="gt-a" data-type="blocks"`, `default-src 'none'`}},
		{setup: some, argv: "graph --all --html", says: []string{`data-id="gt-a"`, `data-id="gt-b"`}},
		{argv: "graph --all --html", says: []string{"No bead is open"}},
		{setup: some, argv: "graph gt-a --html --dot", code: 1},
		{setup: some, argv: "graph --all --json", says: []string{"gt-a", "gt-b"}},
		{setup: some, argv: "graph check", gives: "clean=true"},
		{setup: some + "set-state gt-a health=good", argv: "state gt-a health", gives: "issue_id=gt-a dimension=health value=good"},
		{setup: some + "set-state gt-a health=good", argv: "state list gt-a", gives: "states.health=good"},
		{setup: some + "update gt-a --add-label human", argv: "human stats", gives: "total=1 pending=1"},
		{argv: "orphans", code: 1, says: []string{"git"}},
		{argv: "count", gives: "count=0"},
		{argv: "list", prints: "-"},
		{argv: "stats", gives: "summary.total_issues=0"},
	})
}

// stopAfter ends a command when it has printed something.
type stopAfter struct {
	text strings.Builder
	stop func()
}

func (s *stopAfter) Write(b []byte) (int, error) {
	s.stop()
	return s.text.Write(b)
}

// What is watched is printed at once, and then until somebody interrupts it.
func TestExpectWatch(t *testing.T) {
	w := newWorld(t)
	w.must("create", "A", "--id", "gt-a")
	for _, args := range [][]string{{"list", "--watch"}, {"show", "gt-a", "--watch"}} {
		ctx, cancel := context.WithCancel(t.Context())
		out := &stopAfter{stop: cancel}
		prepare(&shell.Invocation{
			Program: "bd", Args: args, Dir: w.dir, Env: w.env, Stdin: strings.NewReader(""), Stdout: out, Stderr: &strings.Builder{},
			User: os.Getuid(), Now: time.Now, Resident: w,
		}).Run(ctx)
		if cancel(); !strings.Contains(out.text.String(), "gt-a") {
			t.Errorf("bd %q: %s", args, out.text.String())
		}
	}
}
