package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town/layout"
)

// What every command and flag must do stands in tables of rows: what is typed, in
// which ledger, and what holds then. A row checks meaning, not texts. To add rows,
// write a file expect_AREA_test.go with
//
//	func TestExpectAREA(t *testing.T) {
//		expect(t, []row{
//			{setup: "create A --id gt-a", argv: "close gt-a --reason done", holds: "gt-a status=closed close_reason=done"},
//			{setup: "create A --id gt-a; create B --id gt-b --deps gt-a", argv: "ready", prints: "gt-a"},
//			{argv: "create ''", code: 1},
//		})
//	}
//
// Each row gets a Town of its own with an empty ledger, which stays open between its
// commands as in the Deacon, so that a row takes some 50 ms. Its author is Ada.
type row struct {
	// setup are commands that must succeed, separated by ; and written as for a shell
	// (both kinds of quotes, no variables).
	setup string
	// argv is the command under test, without bd; or args, word by word.
	argv string
	args []string
	// stdin is what it reads, env are further variables as NAME=value.
	stdin string
	env   []string
	// code is its exit code.
	code int
	// holds says what is in the ledger afterwards, one bead a line: its id and what
	// bd show --json has under some keys, as ID key=value key='a value'. Elements of
	// a list are separated by commas; of an object among them the id counts. A key
	// without a value is empty or missing. -ID says that there is no such bead.
	holds string
	// prints are the ids that the command prints with --json, in their order; - for
	// none.
	prints string
	// gives is what the object that the command prints with --json, or the first one of
	// its list, has under some keys, as key=value and group.key=value.
	gives string
	// says are regular expressions that match standard output and error together.
	says []string
	// check looks at what the other fields cannot say.
	check func(*testing.T, *world)
}

// world is a row's Town.
type world struct {
	place
	store *ledger.Store
}

// Ledger lends the row's open ledger, as the Deacon does.
func (w *world) Ledger(context.Context) (*ledger.Store, func(), bool) {
	return w.store, func() {}, w.store != nil
}

// LendOperational lends nothing: no command of bd opens that plane.
func (w *world) LendOperational(context.Context) (*operational.Store, func(), bool) {
	return nil, nil, false
}

// run runs a command in the row's Town.
func (w *world) run(stdin string, env []string, args ...string) (code int, stdout, stderr string) {
	var out, said bytes.Buffer
	i := &shell.Invocation{
		Program: "bd", Args: args, Dir: w.dir, Env: append(env, w.env...), Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &said,
		User: os.Getuid(), Now: time.Now, Resident: w,
	}
	return prepare(i).Run(context.Background()), out.String(), said.String()
}

// template is a Town with an empty ledger, of which each row gets a copy.
var template struct {
	sync.Once
	dir string
}

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && wholeRun() {
		code = reportUntested()
	}
	if template.dir != "" {
		_ = os.RemoveAll(template.dir)
	}
	os.Exit(code)
}

// newWorld makes a row's Town, with its ledger open.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{place: copied(t)}
	w.store = opened(t, layout.Town{Root: w.dir})
	return w
}

// must runs a command in the row's Town and expects it to succeed.
func (w *world) must(args ...string) string {
	w.t.Helper()
	code, out, said := w.run("", nil, args...)
	if code != shell.ExitOK {
		w.t.Fatalf("bd %q: exit %d: %s%s", args, code, out, said)
	}
	return out
}

// copied is a copy of the template.
func copied(t testing.TB) place {
	t.Helper()
	template.Do(func() {
		dir, err := os.MkdirTemp("", "expect-*")
		if err != nil {
			t.Fatal(err)
		}
		template.dir = dir
		installAt(t, dir)
	})
	dir := filepath.Join(t.TempDir(), "town")
	if err := os.CopyFS(dir, os.DirFS(template.dir)); err != nil {
		t.Fatal(err)
	}
	return placeAt(t, dir)
}

// expect runs the rows.
func expect(t *testing.T, rows []row) {
	for n, r := range rows {
		args := r.args
		if args == nil {
			args = words(t, r.argv)
		}
		name := fmt.Sprintf("%02d %s", n, strings.ReplaceAll(strings.Join(args, " "), "/", "|"))
		if len(name) > 60 {
			name = name[:60]
		}
		t.Run(name, func(t *testing.T) { r.run(t, args) })
	}
}

func (r row) run(t *testing.T, args []string) {
	w := newWorld(t)
	for line := range strings.SplitSeq(r.setup, ";") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if code, out, said := w.run("", nil, words(t, line)...); code != 0 {
			t.Fatalf("setup: bd %s: exit %d: %s%s", line, code, out, said)
		}
	}
	if r.prints != "" || r.gives != "" {
		args = append([]string{"--json"}, args...)
	}
	code, out, said := w.run(r.stdin, r.env, args...)
	if code != r.code {
		t.Fatalf("exit %d, want %d: %s%s", code, r.code, out, said)
	}
	if r.prints != "" {
		if got := strings.Join(printedIDs(t, out), " "); got != strings.TrimSpace(strings.TrimPrefix(r.prints, "-")) {
			t.Errorf("prints %q, want %q", got, r.prints)
		}
	}
	for _, want := range words(t, r.gives) {
		key, value, _ := strings.Cut(want, "=")
		if got := view.Cell(valueAt(t, out, key)); got != value {
			t.Errorf("%s is %q, want %q, in %s", key, got, value, out)
		}
	}
	for _, pattern := range r.says {
		if !regexp.MustCompile("(?m)" + pattern).MatchString(out + said) {
			t.Errorf("nothing says %q in:\n%s%s", pattern, out, said)
		}
	}
	for line := range strings.Lines(r.holds) {
		if line = strings.TrimSpace(line); line != "" {
			w.holds(t, words(t, line))
		}
	}
	if r.check != nil {
		r.check(t, w)
	}
}

// holds checks one line of what must hold.
func (w *world) holds(t *testing.T, line []string) {
	t.Helper()
	id, gone := strings.CutPrefix(line[0], "-")
	code, out, said := w.run("", nil, "show", id, "--json")
	if gone {
		if code == 0 {
			t.Errorf("there is a bead %s", id)
		}
		return
	}
	var beads []map[string]json.RawMessage
	if code != 0 || json.Unmarshal([]byte(out), &beads) != nil || len(beads) != 1 {
		t.Errorf("show %s: exit %d: %s%s", id, code, out, said)
		return
	}
	for _, want := range line[1:] {
		key, value, _ := strings.Cut(want, "=")
		if got := view.Cell(beads[0][key]); got != value {
			t.Errorf("%s of %s is %q, want %q", key, id, got, value)
		}
	}
}
