package cli

import (
	"encoding/json"
	"strings"
	"testing"
)

// Commands and flags that write.
func TestExpectWrite(t *testing.T) {
	const kims = "create A --id gt-a; --actor kim update gt-a --claim"
	const waiting = "create A --id gt-a; create B --id gt-b --deps gt-a"
	const family = "create P --id gt-p -l a,b; create C --id gt-c --parent gt-p --no-inherit-labels; create D --id gt-d --deps gt-c; create E --id gt-e --deps related:gt-p"
	expect(t, []row{
		// A child has the labels of its parent.
		{setup: "create P --id gt-p -l b,a", argv: "create C --id gt-c --parent gt-p -l c,a", holds: "gt-c labels=a,b,c"},
		{setup: "create P --id gt-p -l a", argv: "create C --id gt-c --parent gt-p --no-inherit-labels -l c", holds: "gt-c labels=c"},
		{setup: "create P --id gt-p -l a; create C --id gt-c --deps gt-p", argv: "show gt-c", holds: "gt-c labels="},
		{setup: family, argv: "label propagate gt-p x,a", holds: "gt-c labels=a,x\ngt-p labels=a,b\ngt-d labels="},
		{setup: family, argv: "label propagate gt-d x", says: []string{`^$`}},
		{setup: family, argv: "label propagate '' x", code: 1, says: []string{"ID is empty, so nothing was done"}, holds: "gt-c labels="},
		{setup: family, argv: "label propagate gt-none x", code: 1},
		{setup: family, argv: "label propagate gt-p ' '", code: 1},

		// What somebody has begun is not claimed by others, only assigned. What waits is not closed.
		{setup: kims, argv: "update gt-a --claim", code: 1, says: []string{"already claimed by kim"}, holds: "gt-a assignee=kim"},
		{setup: kims, argv: "update gt-a -a ada", holds: "gt-a assignee=ada status=in_progress"},
		{setup: kims, argv: "update gt-a -s open -a ''", holds: "gt-a assignee= status=open"},
		{setup: kims, argv: "assign gt-a ''", holds: "gt-a assignee= status=in_progress"},
		{setup: kims, argv: "update gt-a -a kim -p 0", holds: "gt-a assignee=kim priority=0"},
		{setup: kims, argv: "--actor kim assign gt-a lee", holds: "gt-a assignee=lee"},
		{setup: "create A --id gt-a -a kim", argv: "assign gt-a lee", holds: "gt-a assignee=lee"},
		{setup: waiting, argv: "update gt-b -s closed", code: 1, says: []string{"open beads come first: gt-a"}, holds: "gt-b status=open"},
		{setup: waiting, argv: "update gt-b -s closed --force", holds: "gt-b status=closed"},
		{setup: waiting, argv: "update gt-b gt-a -s closed", holds: "gt-b status=closed"},
		{setup: "create P --id gt-p; create C --id gt-c --parent gt-p", argv: "update gt-p -s closed", code: 1, holds: "gt-p status=open"},

		// A command without an id means what the last one named.
		{setup: waiting + "; note gt-a x", argv: "update -p 0", holds: "gt-a priority=0\ngt-b priority=2"},
		{setup: waiting + "; tag gt-a x", argv: "update -p 0", holds: "gt-a priority=0"},
		{setup: waiting + "; assign gt-a x", argv: "update -p 0", holds: "gt-a priority=0"},
		{setup: waiting + "; link gt-a gt-b -t related", argv: "update -p 0", holds: "gt-a priority=0"},

		// Deleting.
		{setup: family, argv: "delete gt-p --cascade --force", holds: "-gt-p\n-gt-c\n-gt-d\ngt-e title=E"},
		{setup: family, argv: "delete gt-p --cascade --dry-run --json", says: []string{`"would delete"`, "gt-d"}, holds: "gt-p title=P\ngt-d title=D"},
		{setup: family, argv: "delete gt-p --dry-run", says: []string{"^would delete gt-p$"}, holds: "gt-p title=P"},
		{setup: family, argv: "delete --from-file - --force", stdin: "# these\n\n gt-c \ngt-d\ngt-c\n", holds: "-gt-c\n-gt-d\ngt-p title=P"},
		{setup: family, argv: "delete gt-e --from-file - --force", stdin: "gt-none\n", code: 1, holds: "gt-e title=E"},
		{setup: family, argv: "delete --from-file nowhere --force", code: 1},
		{argv: "delete --force", code: 1},

		// The faults of a batch, each with its line.
		{setup: "create A --id gt-a", argv: "batch", stdin: "update gt-a title=x\nupdate gt-a status=odd\nclose gt-none\ncreate odd 1 x\n", code: 1,
			says: []string{`^  line 2: no status "odd"`, `^  line 3: no such bead`, `^  line 4: no type "odd"`}, holds: "gt-a title=A"},

		// An answer is one change.
		{setup: "create A --id gt-a -l human; human respond gt-a yes", argv: "history gt-a --versions --json", check: versions(2), holds: "gt-a status=closed"},

		// Names may have spaces, in what keys are data there is no schema_version.
		{setup: "kv set 'a b' v", argv: "kv list --json", says: []string{`\A\{\n  "a b": "v"\n\}\n\z`}},
		{setup: "kv set schema_version v", argv: "kv list --json", says: []string{`\A\{\n  "schema_version": "v"\n\}\n\z`}},
		{argv: "memories --json", says: []string{`\A\{\}\n\z`}},
		{argv: "config unset a.b --json", says: []string{`"schema_version": 1`}},
	})
}

// versions checks how many versions the history of gt-a has.
func versions(n int) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		var list []json.RawMessage
		if err := json.Unmarshal([]byte(w.must("history", "gt-a", "--versions", "--json")), &list); err != nil || len(list) != n {
			t.Errorf("%d versions, %v: %s", len(list), err, list)
		}
	}
}

// bd list shows the work of people. What programs keep among it is listed when a flag
// asks for it, or names its type or id.
func TestExpectListHides(t *testing.T) {
	const all = "create A --id gt-a -p 0; create G --id gt-g -t gate -p 1; create M --id gt-m -t message -p 2; create W --id gt-w --ephemeral -p 3; create E --id gt-e -t event -p 4"
	template := `{"id":"gt-t","title":"T","is_template":true,"priority":4,"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}`
	var rows []row
	for argv, want := range map[string]string{
		"list": "gt-a gt-e", "list --all": "gt-a gt-e", "list --include-gates": "gt-a gt-g gt-e", "list --include-infra": "gt-a gt-m gt-w gt-e",
		"list --include-gates --include-infra --include-templates": "gt-a gt-g gt-m gt-w gt-e gt-t", "list --include-templates": "gt-a gt-e gt-t",
		"list -t gate": "gt-g", "list -t message,task": "gt-a gt-m gt-w", "list -t task": "gt-a", "list --id gt-g,gt-w,gt-t": "gt-g gt-w gt-t",
		"list -n 0": "gt-a gt-e", "list -n 1": "gt-a", "search gt-": "gt-a gt-g gt-m gt-w gt-e gt-t", "list --exclude-type event": "gt-a", "list --ready": "gt-a",
	} {
		rows = append(rows, row{argv: argv, prints: want})
	}
	for i := range rows {
		argv := rows[i].argv
		rows[i].setup, rows[i].stdin, rows[i].argv = all, template, "import -"
		want := rows[i].prints
		rows[i].prints = ""
		rows[i].check = func(t *testing.T, w *world) {
			if got := strings.Join(printedIDs(t, w.must(append(strings.Fields(argv), "--json")...)), " "); got != want {
				t.Errorf("bd %s: %q, want %q", argv, got, want)
			}
		}
	}
	expect(t, rows)
}
