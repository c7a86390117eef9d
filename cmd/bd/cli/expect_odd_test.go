package cli

import "testing"

// What people and programs write in an odd way means what they meant, or fails; it
// never does something else.
func TestExpectOddInput(t *testing.T) {
	const x = "create X --id gt-x"
	expect(t, []row{
		// The words of --deps in any case and with spaces around them.
		{setup: x, argv: "create N --id gt-n --deps BLOCKS:gt-x", holds: "gt-x dependencies=gt-n\ngt-n dependencies="},
		{setup: x, argv: "create N --id gt-n --deps ' Blocks : gt-x '", holds: "gt-x dependencies=gt-n\ngt-n dependencies="},
		{setup: x, argv: "create N --id gt-n --deps 'Blocked-By: gt-x'", holds: "gt-n dependencies=gt-x\ngt-x dependencies="},
		{setup: x, argv: "create N --id gt-n --deps 'Depends-On:gt-x'", holds: "gt-n dependencies=gt-x"},
		{setup: x, argv: "create N --id gt-n --deps blocks:", code: 1, holds: "-gt-n", says: []string{"--deps .* names no bead; write TYPE:ID"}},
		{setup: x, argv: "create N --id gt-n --deps related:,gt-x", code: 1, holds: "-gt-n", says: []string{"--deps .* names no bead; write TYPE:ID"}},
		{setup: x, argv: "dep gt-x --blocks ''", code: 1, says: []string{"bd dep add ID ID"}},
		{setup: x, argv: "dep gt-x --blocked-by ''", code: 1, says: []string{"bd dep add ID ID"}},
		{setup: x, argv: "dep add", code: 1, says: []string{"bd dep add ID ID"}},
		// Who defers a bead without a date means: until somebody takes it up.
		{setup: x + "; defer gt-x --until yesterday; defer gt-x", argv: "ready", prints: "-", holds: "gt-x status=deferred defer_until="},
		{setup: x + "; defer gt-x --until yesterday; update gt-x -s deferred", argv: "ready", prints: "-"},
		{setup: x + "; defer gt-x --until +1d; undefer gt-x", argv: "ready", prints: "gt-x"},
		{setup: x + "; defer gt-x --until 2999-01-31T00:00:00Z; defer gt-x", argv: "ready", prints: "-", holds: "gt-x status=deferred defer_until=2999-01-31T00:00:00Z"},
		// Files as Windows writes them.
		{argv: "create -f -", stdin: "\ufeff## First\r\n### Priority\r\n0\r\n## Second\r\n", check: func(t *testing.T, w *world) {
			if list := printedIDs(t, w.must("list", "--json")); len(list) != 2 {
				t.Errorf("%q", list)
			}
			if list := printedIDs(t, w.must("list", "--title", "First", "-p", "0", "--json")); len(list) != 1 {
				t.Errorf("%q", list)
			}
		}},
	})
}
