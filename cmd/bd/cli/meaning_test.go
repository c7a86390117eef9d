package cli

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// What a link of its own says is set, kept and listed.
func TestExpectLinkMetadata(t *testing.T) {
	const two = "create A --id gt-a; create B --id gt-b; "
	const gate = `{"gate":"any-children"}`
	listed := func(want string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			t.Helper()
			out := strings.NewReplacer(" ", "", "\n", "", `\"`, `"`).Replace(w.must("list", "--id", "gt-b", "--json"))
			if !strings.Contains(out, want) {
				t.Errorf("no %s in %s", want, out)
			}
		}
	}
	expect(t, []row{
		{setup: two, argv: "dep add gt-b gt-a -t waits-for --metadata '" + gate + "'", holds: "gt-b dependencies=gt-a", check: listed(gate)},
		{setup: two + "dep add gt-b gt-a", argv: "dep add gt-b gt-a --metadata '" + gate + "'", says: []string{"added"}, check: listed(gate)},
		{setup: two + "dep add gt-b gt-a --metadata '" + gate + "'", argv: "dep add gt-b gt-a", says: []string{"unchanged"}, check: listed(gate)},
		{setup: two + "dep add gt-b gt-a --metadata '" + gate + "'", argv: "dep add gt-b gt-a --metadata '" + gate + "'", says: []string{"unchanged"}},
		{setup: two, argv: "dep add gt-b gt-a --metadata [1]", code: 1, holds: "gt-b dependencies="},
		{setup: two, argv: "dep add gt-b gt-a --metadata nonsense", code: 1, holds: "gt-b dependencies="},
	})
}

// Beads that wait for each other are refused, whatever makes them wait.
func TestExpectNoCycle(t *testing.T) {
	var rows []row
	for _, kind := range []string{"blocks", "conditional-blocks", "waits-for"} {
		rows = append(rows,
			row{setup: "create A --id gt-a; create B --id gt-b --deps gt-a", argv: "dep add gt-a gt-b -t " + kind, code: 1, holds: "gt-a dependencies="},
			row{setup: "create A --id gt-a; create B --id gt-b --deps related:gt-a", argv: "dep add gt-a gt-b -t " + kind, holds: "gt-a dependencies=gt-b"},
			row{argv: "import -", stdin: `{"id":"gt-a","title":"A","dependencies":[{"issue_id":"gt-a","depends_on_id":"gt-b","type":"` + kind + `"}]}` + "\n" +
				`{"id":"gt-b","title":"B","dependencies":[{"issue_id":"gt-b","depends_on_id":"gt-a","type":"` + kind + `"}]}` + "\n",
				says: []string{"left out, because it closes a cycle"}, holds: "gt-a dependencies=gt-b\ngt-b dependencies="})
	}
	expect(t, append(rows, row{argv: "import -", stdin: `{"id":"gt-a","title":"A","dependencies":[{"issue_id":"gt-a","depends_on_id":"gt-b","type":"related"}]}` + "\n" +
		`{"id":"gt-b","title":"B","dependencies":[{"issue_id":"gt-b","depends_on_id":"gt-a","type":"related"}]}` + "\n",
		holds: "gt-a dependencies=gt-b\ngt-b dependencies=gt-a"}))
}

// A bead that is not closed stays as it is, and keeps the reason.
func TestExpectReopen(t *testing.T) {
	const a = "create A --id gt-a"
	said := func(t *testing.T, w *world) {
		t.Helper()
		if out := w.must("comments", "gt-a", "--json"); !strings.Contains(out, `"fails again"`) {
			t.Errorf("the reason is lost: %s", out)
		}
	}
	expect(t, []row{
		{setup: a + "; close gt-a --reason done", argv: "reopen gt-a --reason 'fails again'", prints: "gt-a", holds: "gt-a status=open closed_at= close_reason=", check: said},
		{setup: a, argv: "reopen gt-a --reason 'fails again'", says: []string{"gt-a is not closed"}, holds: "gt-a status=open", check: said},
		{setup: a + " -s in_progress", argv: "reopen gt-a", says: []string{"gt-a is not closed"}, holds: "gt-a status=in_progress"},
		{setup: a + "; create B --id gt-b; close gt-b", argv: "reopen gt-a gt-b", prints: "gt-a gt-b", says: []string{"gt-a is not closed"}, holds: "gt-b status=open"},
	})
}

// Every command that closes beads holds back what waits, unless it is told --force. Those
// that hand the work on to another bead do not.
func TestExpectClosingOtherwise(t *testing.T) {
	const held = "create A --id gt-a; create B --id gt-b --deps gt-a; create C --id gt-c --parent gt-b; "
	expect(t, []row{
		{setup: held, argv: "close gt-b", code: 1, holds: "gt-b status=open"},
		{setup: held, argv: "done gt-b", code: 1, holds: "gt-b status=open"},
		{setup: held, argv: "batch", stdin: "close gt-b done\n", code: 1, holds: "gt-b status=open", says: []string{"line 1: .*gt-a, gt-c"}},
		{setup: held, argv: "batch", stdin: "close gt-b done\nclose gt-a\nupdate gt-c status=closed\n", holds: "gt-b status=closed close_reason=done"},
		{setup: held, argv: "batch --force", stdin: "close gt-b done\n", holds: "gt-b status=closed close_reason=done"},
		{setup: held, argv: "update --batch -", stdin: `{"id":"gt-b","status":"closed"}`, code: 1, holds: "gt-b status=open"},
		{setup: held, argv: "update --batch - --force", stdin: `{"id":"gt-b","status":"closed"}`, holds: "gt-b status=closed"},
		{setup: held, argv: "duplicate gt-b --of gt-a", holds: "gt-b status=closed\ngt-c status=open"},
		{setup: held, argv: "supersede gt-b --with gt-a", holds: "gt-b status=closed\ngt-c status=open"},
		{setup: held, argv: "todo done gt-b", code: 1, holds: "gt-b status=open"},
		{setup: held, argv: "todo done gt-b --force", holds: "gt-b status=closed"},
		{setup: held, argv: "human respond gt-b yes", code: 1, holds: "gt-b status=open comments="},
		{setup: held, argv: "human respond gt-b yes --force", holds: "gt-b status=closed"},
		{setup: held, argv: "human dismiss gt-b", code: 1, holds: "gt-b status=open"},
		{setup: held, argv: "human dismiss gt-b --force", holds: "gt-b status=closed"},
		{setup: held + "update gt-b -t epic", argv: "epic close-eligible", holds: "gt-b status=open"},
		{setup: held + "update gt-b -t epic; close gt-c", argv: "epic close-eligible", gives: "count=0", holds: "gt-b status=open"},
		{setup: held + "update gt-b -t epic; close gt-c", argv: "epic close-eligible --dry-run", says: []string{"open beads come first: gt-a"}, holds: "gt-b status=open"},
		{setup: held + "update gt-b -t epic; close gt-c; close gt-a", argv: "epic close-eligible", holds: "gt-b status=closed"},
	})
}

// However many claim at once, each bead goes to one of them.
func TestClaimsAtOnce(t *testing.T) {
	const beads, callers = 6, 3
	w := newWorld(t)
	for n := range beads {
		w.must("create", "Work", "--id", fmt.Sprintf("gt-%d", n))
	}
	var all sync.WaitGroup
	got := make([][]string, callers)
	for c := range callers {
		all.Go(func() {
			for range beads {
				code, out, said := w.run("", nil, "ready", "--claim", "--json", "--actor", fmt.Sprintf("agent-%d", c))
				if code != 0 {
					t.Errorf("exit %d: %s", code, said)
					return
				}
				got[c] = append(got[c], printedIDs(t, out)...)
			}
		})
	}
	all.Wait()
	taken := map[string]int{}
	for c, list := range got {
		for _, id := range list {
			taken[id]++
			w.holds(t, []string{id, "status=in_progress", fmt.Sprintf("assignee=agent-%d", c)})
		}
	}
	for id, n := range taken {
		if n != 1 {
			t.Errorf("%d callers got %s", n, id)
		}
	}
	if len(taken) != beads {
		t.Errorf("%d of %d beads were claimed", len(taken), beads)
	}
}
