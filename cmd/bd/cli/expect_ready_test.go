package cli

import (
	"fmt"
	"strings"
	"testing"

	"gastown/town"
)

// What can be taken up, and what waits.
func TestExpectReady(t *testing.T) {
	const two = "create A --id gt-a -p 1; create B --id gt-b -p 0 --deps gt-a; "
	const family = "create E --id gt-e -t epic; create F --id gt-f --parent gt-e; create G --id gt-g --parent gt-f; create H --id gt-h; "
	rows := []row{
		{setup: two, argv: "ready", prints: "gt-a"},
		{setup: family, argv: "ready --parent gt-e", prints: "gt-f gt-g"},
		{setup: family, argv: "ready --mol gt-f -n 1", prints: "gt-g"},
		{setup: family, argv: "ready --parent gt-g", prints: "-"},
		{setup: family, argv: "ready --parent gt-e --id g", prints: "gt-g"},
		{setup: family, argv: "ready --parent gt-none", code: 1},
		{setup: family, argv: "list --parent gt-e", prints: "gt-f"},
		{setup: two, argv: "blocked", prints: "gt-b"},
		{setup: two, argv: "blocked", gives: "id=gt-b blocked_by=gt-a blocked_by_count=1"},
		{setup: two + "close gt-a", argv: "ready", prints: "gt-b"},
		{setup: two + "close gt-a", argv: "blocked", prints: "-"},
		{setup: two + "close gt-a; reopen gt-a", argv: "ready", prints: "gt-a"},
		{setup: two + "create C --id gt-c --parent gt-b", argv: "ready", prints: "gt-a"},
		{setup: two, argv: "ready --limit 1000", prints: "gt-a"},
		{setup: "create A --id gt-a; create B --id gt-b; create C --id gt-c", argv: "ready --limit 1", prints: "gt-a"},
		// Links that hold work up, and all others.
		{setup: "create A --id gt-a; create B --id gt-b; dep add gt-b gt-a -t conditional-blocks", argv: "ready", prints: "gt-a"},
		{setup: "create A --id gt-a; create B --id gt-b; dep add gt-b gt-a -t conditional-blocks; close gt-a --reason failed", argv: "ready", prints: "gt-b"},
		{setup: "create A --id gt-a; create B --id gt-b; dep add gt-b gt-a -t conditional-blocks; close gt-a --reason done", argv: "ready", prints: "-"},
		{setup: "create A --id gt-a; create C --id gt-c --parent gt-a; create B --id gt-b; dep add gt-b gt-a -t waits-for", argv: "ready", prints: "gt-a gt-c"},
		{setup: "create A --id gt-a; create C --id gt-c --parent gt-a; create B --id gt-b; dep add gt-b gt-a -t waits-for; close gt-c", argv: "ready", prints: "gt-a gt-b"},
		{setup: "create A --id gt-a; create B --id gt-b --deps related:gt-a", argv: "ready", prints: "gt-a gt-b"},
		// What is no work.
		{setup: "create A --id gt-a -t gate; create B --id gt-b -t message; create C --id gt-c -t agent; create D --id gt-d", argv: "ready", prints: "gt-d"},
		{setup: "create A --id gt-a -s in_progress; create B --id gt-b -s blocked; create C --id gt-c -s pinned; create D --id gt-d -s hooked; create E --id gt-e", argv: "ready --status open", prints: "gt-e"},
		// Deferring.
		{setup: "create A --id gt-a --defer 2999-01-01", argv: "ready", prints: "-"},
		{setup: "create A --id gt-a --defer 2999-01-01", argv: "ready --include-deferred", prints: "gt-a"},
		{setup: "create A --id gt-a; update gt-a --defer yesterday", argv: "ready", prints: "gt-a"},
		// Filters.
		{setup: "create A --id gt-a -t bug -l x; create B --id gt-b", argv: "ready --exclude-type bug", prints: "gt-b"},
		{setup: "create A --id gt-a -l x; create B --id gt-b", argv: "ready --exclude-label x", prints: "gt-b"},
		{setup: "create A --id gt-a; update gt-a --set-metadata team=core; create B --id gt-b", argv: "ready --metadata-field team=core", prints: "gt-a"},
		// Whose, and of what.
		{setup: two + "assign gt-a Ada; create C --id gt-c -a kim", argv: "ready --mine", prints: "gt-a"},
		{setup: two + "assign gt-a Ada; create C --id gt-c -a kim", argv: "ready --mine --actor kim", prints: "gt-c"},
		{setup: two, argv: "ready --mine", prints: "-"},
		{setup: two + "create M --id gt-m -t molecule; create S --id gt-s --parent gt-m", argv: "ready --mol gt-m", prints: "gt-s"},
		{setup: "create A --id gt-a; create E --id gt-e --ephemeral", argv: "ready", prints: "gt-a"},
		{setup: "create A --id gt-a; create E --id gt-e --ephemeral", argv: "ready --include-ephemeral --sort oldest", prints: "gt-a gt-e"},
		{setup: "create E --id gt-e --ephemeral", argv: "ready --claim", prints: "-"},
		{setup: "create E --id gt-e --ephemeral", argv: "ready --claim --include-ephemeral", prints: "gt-e"},
		{setup: "create A --id gt-a; create W --id web-a", argv: "ready --prefix web", prints: "web-a"},
		{setup: two, argv: "ready --rig nowhere", code: 1, says: []string{"no rig"}},
		{setup: two, argv: "ready --plain", says: []string{"gt-a"}},
		{setup: "create A --id gt-a -l tech-debt; create B --id gt-b -l ui", argv: "ready --label-pattern 'tech-*'", prints: "gt-a"},
		// Orders.
		{setup: "create A --id gt-a -p 3; create B --id gt-b -p 0", argv: "ready --sort priority", prints: "gt-b gt-a"},
		{setup: "create A --id gt-a -p 3; create B --id gt-b -p 0", argv: "ready --sort oldest", prints: "gt-a gt-b"},
		{setup: "create A --id gt-a -p 3; create B --id gt-b -p 0", argv: "ready --sort hybrid", prints: "gt-b gt-a"},
		{setup: two, argv: "ready --sort colour", code: 1},
		// Claiming takes the first one, and nobody's else.
		{setup: "create A --id gt-a -p 1; create B --id gt-b -p 0", argv: "ready --claim", prints: "gt-b", holds: "gt-b status=in_progress assignee=Ada\ngt-a status=open"},
		{setup: "create A --id gt-a -p 0; ready --claim --actor Bob; create B --id gt-b", argv: "ready --claim", prints: "gt-b", holds: "gt-a assignee=Bob"},
		{argv: "ready --claim --json", says: []string{`^\[\]$`}},
		{setup: two, argv: "ready --claim --readonly", code: 5, holds: "gt-a status=open"},
		// Reasons.
		{setup: two, argv: "ready --explain", gives: "ready=gt-a blocked=gt-b"},
		{setup: "create G --id gt-g -t gate; create A --id gt-a --deps gt-g; create B --id gt-b; close gt-g", argv: "ready --gated", prints: "gt-a"},
	}
	for _, kind := range town.DepTypes {
		if kind == town.DepParent {
			continue
		}
		rows = append(rows, row{
			setup: "create A --id gt-a; create B --id gt-b", argv: "dep add gt-b gt-a --type " + string(kind), gives: "status=added type=" + string(kind),
			holds: "gt-b dependencies=gt-a", check: exports(`"type":"` + string(kind) + `"`),
		})
	}
	expect(t, rows)
}

// Ready work has a limit of its own, and waiting work none.
func TestExpectLimits(t *testing.T) {
	w := newWorld(t)
	var lines strings.Builder
	for i := range 120 {
		fmt.Fprintf(&lines, `{"id":"gt-r%d","title":"R"}`+"\n", i)
		fmt.Fprintf(&lines, `{"id":"gt-w%d","title":"W","dependencies":[{"issue_id":"gt-w%d","depends_on_id":"gt-r0","type":"blocks"}]}`+"\n", i, i)
	}
	if code, out, said := w.run(lines.String(), nil, "import", "-"); code != 0 {
		t.Fatalf("exit %d: %s%s", code, out, said)
	}
	for line, want := range map[string]int{
		"ready": 100, "ready --limit 1000": 120, "ready --limit 0": 120, "ready -n 7": 7, "blocked": 120, "blocked --limit 9": 9, "list": 50, "list --limit 0": 240,
	} {
		if got := len(printedIDs(t, w.must(append(words(t, line), "--json")...))); got != want {
			t.Errorf("bd %s prints %d beads, not %d", line, got, want)
		}
	}
}

// Links between beads.
func TestExpectLinks(t *testing.T) {
	const two = "create A --id gt-a; create B --id gt-b; "
	const chain = two + "create C --id gt-c; dep add gt-b gt-a; dep add gt-c gt-b; "
	expect(t, []row{
		{setup: two, argv: "dep add gt-b gt-a", gives: "status=added issue_id=gt-b depends_on_id=gt-a type=blocks", holds: "gt-b dependencies=gt-a"},
		{setup: two + "dep add gt-b gt-a", argv: "dep add gt-b gt-a", gives: "status=unchanged"},
		{setup: two + "dep add gt-b gt-a", argv: "dep add gt-a gt-b", code: 1, holds: "gt-a dependencies="},
		{
			setup: two, argv: "dep add --file -", gives: "status=added count=2", holds: "gt-b dependencies=external:p:c,gt-a",
			stdin: `{"from":"b","to":"gt-a"}` + "\r\n\n" + `{"issue_id":"gt-b","depends_on_id":"external:p:c","type":"tracks"}`,
		},
		{setup: two + "dep add gt-b gt-a", argv: "dep add --file - -t blocks", stdin: `{"from":"gt-b","to":"gt-a"}`, gives: "status=unchanged count=0"},
		{
			setup: two, argv: "dep add --file -", code: 1, holds: "gt-a dependencies=\ngt-b dependencies=", says: []string{"line 3: .*cycle"},
			stdin: `{"from":"gt-b","to":"gt-a"}` + "\n\n" + `{"from":"gt-a","to":"gt-b"}`,
		},
		{setup: two, argv: "dep add --file -", code: 1, stdin: `{"from":"gt-b","to":"gt-a"}` + "\n" + `{"from":"gt-b"}`, holds: "gt-b dependencies=", says: []string{"line 2: .*from.*to"}},
		{setup: two, argv: "dep add --file -", code: 1, stdin: `{"from":"gt-b","to":"gt-a","typ":"related"}`, holds: "gt-b dependencies=", says: []string{`line 1: .*typ`}},
		{setup: two, argv: "dep add --file -", code: 1, stdin: `{"from":"gt-b","to":"gt-a"} x`, holds: "gt-b dependencies=", says: []string{"line 1: "}},
		{setup: two, argv: "dep add --file -", code: 1, stdin: `{"from":"gt-b","to":"gt-none"}`, holds: "gt-b dependencies=", says: []string{"line 1: .*gt-none"}},
		{setup: two, argv: "dep add --file -", code: 1, says: []string{"no link"}},
		{setup: two, argv: "dep add gt-a --file -", code: 1, stdin: `{"from":"gt-b","to":"gt-a"}`, holds: "gt-b dependencies="},
		{setup: two, argv: "dep add gt-a gt-a", code: 1, holds: "gt-a dependencies="},
		{setup: two, argv: "dep add gt-a gt-none", code: 1},
		{setup: two, argv: "dep add gt-a gt-b --type nonsense", code: 1, holds: "gt-a dependencies="},
		{setup: two + "dep add gt-b gt-a", argv: "dep remove gt-b gt-a", gives: "status=removed issue_id=gt-b depends_on_id=gt-a", holds: "gt-b dependencies="},
		{setup: two + "dep add gt-b gt-a", argv: "dep rm gt-b gt-a", holds: "gt-b dependencies="},
		{setup: two, argv: "dep remove gt-b gt-a", code: 1},
		{setup: two, argv: "dep gt-a --blocks gt-b", holds: "gt-b dependencies=gt-a\ngt-a dependencies="},
		{setup: two + "dep gt-a --blocks gt-b", argv: "ready", prints: "gt-a"},
		{setup: two, argv: "dep relate gt-a gt-b", holds: "gt-a dependencies=gt-b\ngt-b dependencies=gt-a"},
		{setup: two + "dep relate gt-a gt-b", argv: "ready", prints: "gt-a gt-b"},
		{setup: two + "dep relate gt-a gt-b", argv: "dep unrelate gt-a gt-b", holds: "gt-a dependencies=\ngt-b dependencies="},
		{setup: two, argv: "link gt-b gt-a", gives: "status=added type=blocks", holds: "gt-b dependencies=gt-a"},
		{setup: two, argv: "link gt-b gt-a --type related", gives: "type=related"},
		{setup: two, argv: "dep add gt-b gt-a --type parent-child", holds: "gt-b parent=gt-a"},
		{setup: two, argv: "dep add gt-b external:other:x", gives: "status=added depends_on_id=external:other:x"},
		{setup: two, argv: "dep relate gt-a gt-b", gives: "status=added issue_id=gt-a depends_on_id=gt-b type=relates-to"},
		{setup: two + "dep relate gt-a gt-b", argv: "dep relate gt-b gt-a", gives: "status=unchanged"},
		{setup: two + "dep add gt-a gt-b", argv: "dep unrelate gt-a gt-b", code: 1, holds: "gt-a dependencies=gt-b"},
		{setup: two, argv: "dep relate gt-a gt-none", code: 1, holds: "gt-a dependencies="},
		{setup: two, argv: "dep relate gt-a gt-b --readonly", code: 5, holds: "gt-a dependencies="},
		{setup: two, argv: "dep gt-a --blocks=gt-b", gives: "status=added issue_id=gt-b depends_on_id=gt-a type=blocks"},
		{setup: two, argv: "dep gt-a --blocks gt-b --readonly", code: 5, holds: "gt-b dependencies="},
		{setup: two, argv: "dep gt-a --blocks", code: 1},
		{setup: two, argv: "dep gt-b --blocked-by gt-a", gives: "status=added issue_id=gt-b depends_on_id=gt-a type=blocks", holds: "gt-b dependencies=gt-a\ngt-a dependencies="},
		{setup: two, argv: "dep gt-b --depends-on=gt-a", holds: "gt-b dependencies=gt-a"},
		{setup: two, argv: "dep add gt-b --blocked-by gt-a --type related", gives: "depends_on_id=gt-a type=related"},
		{setup: two, argv: "dep add gt-b --depends-on gt-a --no-cycle-check", holds: "gt-b dependencies=gt-a"},
		{setup: two, argv: "dep add gt-b", code: 1},
		{setup: two, argv: "dep add gt-b gt-a --blocked-by gt-a", code: 1, holds: "gt-b dependencies="},
		{setup: two, argv: "dep gt-a gt-b", code: 1, holds: "gt-a dependencies="},
		{setup: two + "dep add gt-b gt-a", argv: "list --id gt-b --json", says: []string{`"issue_id": "gt-b"`, `"depends_on_id": "gt-a"`, `"type": "blocks"`}},
		{setup: chain, argv: "dep list gt-b", prints: "gt-a"},
		{setup: chain, argv: "dep list gt-b --direction up", prints: "gt-c"},
		{setup: chain, argv: "dep list gt-b -t related", prints: "-"},
		{setup: chain, argv: "dep tree gt-c", prints: "gt-c gt-b gt-a"},
		{setup: chain, argv: "dep tree gt-a --direction up", prints: "gt-a gt-b gt-c"},
		{setup: chain, argv: "dep tree gt-b --direction both", says: []string{"gt-a", "gt-c"}},
		{setup: chain, argv: "dep tree gt-c --max-depth 1", prints: "gt-c gt-b"},
		{setup: chain + "close gt-a", argv: "dep tree gt-c --status closed", says: []string{"gt-a"}},
		{setup: chain, argv: "dep tree gt-c --format mermaid", says: []string{"flowchart", "-->"}},
		{setup: chain, argv: "dep tree gt-c --format json", prints: "gt-c gt-b gt-a"},
		{setup: chain, argv: "dep tree gt-none", code: 1},
		{setup: chain, argv: "dep cycles --json", says: []string{`^\[\]$`}},
	})
}
