package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// How arguments are read, whatever the command.
func TestExpectArguments(t *testing.T) {
	const a = "create A --id gt-a"
	expect(t, []row{
		// Values: after =, as the next word, and ones that begin with a dash.
		{setup: a, argv: "update gt-a --notes=x", holds: "gt-a notes=x"},
		{setup: a, argv: "update gt-a --notes '- point'", holds: "gt-a notes='- point'"},
		{setup: a, argv: "update gt-a --notes=--json", holds: "gt-a notes=--json"},
		{setup: a, argv: "update gt-a --notes=", holds: "gt-a notes="},
		{setup: a, argv: "update gt-a -d -x", holds: "gt-a description=-x"},
		{setup: a, argv: "update gt-a -d=x", holds: "gt-a description=x"},
		{setup: a, argv: "update gt-a -dx -p0", holds: "gt-a description=x priority=0"},
		{setup: a, argv: "update gt-a -p=1", holds: "gt-a priority=1"},
		{setup: a, argv: "update gt-a --notes '--- a/file'", holds: "gt-a notes='--- a/file'"},
		{setup: a, argv: "update gt-a --notes -", holds: "gt-a notes=-"},
		{setup: a, argv: "update gt-a --notes --claim", code: 1, holds: "gt-a notes= status=open", says: []string{"--notes needs a value, and --claim is a flag"}},
		{setup: a, argv: "update gt-a --notes", code: 1, says: []string{"--notes needs a value"}},
		{setup: a, argv: "update gt-a --notes --", code: 1, holds: "gt-a notes="},
		// Texts that begin with a dash.
		{args: []string{"create", "- point", "--id", "gt-b"}, holds: "gt-b title='- point'"},
		{args: []string{"create", "--id", "gt-b", "-5 degrees"}, holds: "gt-b title='-5 degrees'"},
		{args: []string{"create", "--id=gt-b", "--", "--json"}, holds: "gt-b title=--json"},
		{args: []string{"create", "-- so", "--id", "gt-b"}, holds: "gt-b title='-- so'"},
		{args: []string{"create", "-a dash", "--id", "gt-b"}, holds: "gt-b title='-a dash' assignee="},
		{setup: a, args: []string{"comment", "gt-a", "- seen"}, check: func(t *testing.T, w *world) {
			if _, out, _ := w.run("", nil, "comments", "gt-a", "--json"); !strings.Contains(out, `"- seen"`) {
				t.Error(out)
			}
		}},
		// Flags without a value.
		{setup: a, argv: "update gt-a --claim=true", holds: "gt-a status=in_progress assignee=Ada"},
		{setup: a, argv: "update gt-a --claim=1", holds: "gt-a status=in_progress"},
		{setup: a, argv: "update gt-a --claim=false -p 0", holds: "gt-a status=open priority=0"},
		{setup: a, argv: "update gt-a --claim=maybe", code: 1, holds: "gt-a status=open", says: []string{"neither true nor false"}},
		{setup: a + "; close gt-a; create B --id gt-b", argv: "list --all=false", prints: "gt-b"},
		{setup: a, argv: "list --tree=false", prints: "gt-a"},
		{setup: a, argv: "list --json=0", says: []string{"Total: 1 bead"}},
		// The last one counts; lists collect.
		{setup: a, argv: "update gt-a -p 0 -p 3", holds: "gt-a priority=3"},
		{setup: a, argv: "--json list --json", prints: "gt-a"},
		{setup: a, argv: "update gt-a --add-label x --add-label y,z", holds: "gt-a labels=x,y,z"},
		{setup: a, argv: "update gt-a --set-labels x --set-labels y", holds: "gt-a labels=x,y"},
		// Nearest names.
		{argv: "lst", code: 1, says: []string{`no such command: "lst"; nearest: list`}},
		{argv: "dep ad gt-a gt-b", code: 1, says: []string{`no such command: "ad"; nearest: add`, "next: bd dep --help"}},
		{argv: "list --lable x", code: 1, says: []string{"no such flag: --lable; nearest: --label", "next: bd list --help"}},
		{argv: "list -Z", code: 1, says: []string{"no such flag: -Z"}},
		// Where nothing is given.
		{argv: "show ''", code: 1},
		{argv: "", says: []string{"Usage: bd"}},
	})
}

// Flags of the program.
func TestExpectProgramFlags(t *testing.T) {
	const a = "create A --id gt-a"
	expect(t, []row{
		{setup: a, argv: "--sandbox --no-daemon --no-auto-flush --allow-stale --lock-timeout 5s list --flat --pretty", prints: "gt-a"},
		{setup: a, argv: "--readonly list", prints: "gt-a"},
		{setup: a, argv: "--readonly update gt-a -p 0", code: 5, holds: "gt-a priority=2"},
		{setup: a, argv: "close gt-a --readonly", code: 5, holds: "gt-a status=open"},
		{argv: "create B --id gt-b --readonly", code: 5, holds: "-gt-b"},
		{setup: a, argv: "comments gt-a --readonly --json"},
		{setup: a, argv: "comment gt-a text --readonly", code: 5},
		{argv: "create B --id gt-b --readonly=false", holds: "gt-b title=B"},
		{argv: "create B --id gt-b --actor Bob", holds: "gt-b created_by=Bob"},
		{argv: "create B --id gt-b", env: []string{"BEADS_ACTOR=Bob", "BD_ACTOR=Cy"}, holds: "gt-b created_by=Bob"},
		{argv: "create B --id gt-b", env: []string{"BD_ACTOR=Cy"}, holds: "gt-b created_by=Cy"},
		{setup: a, argv: "-v list --json", says: []string{"trace open"}},
		{argv: "-V", says: []string{`^bd version \d+\.\d+\.\d+ `}},
		{argv: "--version", says: []string{`^bd version \d+\.\d+\.\d+ `}},
		{argv: "version", says: []string{`^bd version \d+\.\d+\.\d+ `}},
		{argv: "version --json", says: []string{`"version": "1\.0\.\d+"`, `"schema_version": 1`}},
		{argv: "where --json", says: []string{`"path": ".*/town/\.beads"`, `"database_path": ".*/ledger"`}},
		{setup: a, argv: "info --json", says: []string{`"issue_count": 1`, `"mode": "deacon"`}},
		{setup: a, argv: "info --schema --json", says: []string{`"gt-a"`}},
		{argv: "ping --json", says: []string{`"status": "ok"`}},
		{argv: "context --json", says: []string{`"backend": "dolt"`, `"database": "ledger"`}},
	})
}

// The Town is the one that --directory, --db or the environment name.
func TestExpectWhichTown(t *testing.T) {
	w := copied(t)
	w.must("create", "A", "--id", "gt-a")
	elsewhere := t.TempDir()
	if err := os.MkdirAll(filepath.Join(w.dir, "rig", ".beads"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		env  string
		code int
	}{
		{[]string{"-C", w.dir}, "", 0},
		{[]string{"--directory=" + filepath.Join(w.dir, "rig")}, "", 0},
		{[]string{"-C" + w.dir}, "GT_ROOT=" + elsewhere, 0},
		{[]string{"--db", w.dir}, "", 0},
		{[]string{"--db", filepath.Join(w.dir, ".beads", "beads.db")}, "GT_ROOT=" + elsewhere, 0},
		{nil, "BEADS_DIR=" + filepath.Join(w.dir, "rig", ".beads"), 0},
		{nil, "BEADS_DIR=" + w.dir, 0},
		{nil, "BEADS_DB=" + filepath.Join(w.dir, ".beads", "beads.db"), 0},
		{nil, "BEADS_DB=" + w.dir, 0},
		{nil, "BEADS_DIR=" + elsewhere, 1},
		{[]string{"--db", elsewhere}, "", 1},
		{[]string{"-C", filepath.Join(elsewhere, "none")}, "", 1},
		{nil, "", 1},
	} {
		there := placeAt(t, elsewhere)
		if c.env != "" {
			there.env = append(there.env, c.env)
		}
		code, out, said := there.run(append(c.args, "list", "--json")...)
		if code != c.code || code == 0 && !strings.Contains(out, `"gt-a"`) {
			t.Errorf("%q %s: exit %d: %s%s", c.args, c.env, code, out, said)
		}
	}
}

// A command without an id means the bead that its author touched last, and never one
// that another author did.
func TestExpectLastTouched(t *testing.T) {
	const two = "create A --id gt-a; create B --id gt-b; "
	expect(t, []row{
		{setup: two, argv: "show", prints: "gt-b"},
		{setup: two + "show gt-a", argv: "update -p 0", holds: "gt-a priority=0\ngt-b priority=2"},
		{setup: two + "update gt-a -p 1", argv: "close", holds: "gt-a status=closed\ngt-b status=open"},
		{setup: two + "show gt-a --actor Bob", argv: "close", holds: "gt-a status=open\ngt-b status=closed"},
		{setup: two, argv: "close --actor Bob", code: 1, holds: "gt-a status=open\ngt-b status=open", says: []string{"which bead"}},
		{setup: two + "show gt-a --readonly", argv: "close", holds: "gt-b status=closed"},
		{setup: two, argv: "close ''", code: 1, holds: "gt-b status=open"},
		{setup: two, argv: "update '' -p 0", code: 1, holds: "gt-b priority=2"},
		{argv: "close", code: 1, says: []string{"which bead"}},
	})
}

// A failure is an object on standard output and on standard error, and its exit code
// is the process's.
func TestExpectFailures(t *testing.T) {
	w := newWorld(t)
	for _, args := range [][]string{{"show", "none"}, {"list", "--none"}, {"none"}, {"list", "--limit", "x"}, {"create", "", "--readonly"}} {
		code, out, said := w.run("", nil, append(args, "--json")...)
		for _, text := range []string{out, said} {
			var f struct {
				Error  string `json:"error"`
				Exit   int    `json:"exit"`
				Schema int    `json:"schema_version"`
			}
			if err := json.Unmarshal([]byte(text), &f); err != nil || f.Error == "" || f.Exit != code || code == 0 || code == 2 || f.Schema != 1 {
				t.Errorf("bd %q: exit %d, %v: %s", args, code, err, text)
			}
		}
	}
}
