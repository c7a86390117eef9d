package federate

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gastown/town"
)

// leaveUnchecked leaves a Town's turn as a program does that checks nothing.
func (tt *testTown) leaveUnchecked(url string) {
	tt.t.Helper()
	tt.killed(url, func(ctx context.Context, p *push) error {
		if err := p.with(ctx, func(w *workspace) error { return w.store.Push(ctx, "origin", p.mirror.Dir()) }); err != nil {
			return err
		}
		p.publish.Message = "by hand"
		return p.mirror.Leave(ctx, p.publish)
	})
}

// object makes an object of a repository from text.
func object(t *testing.T, repo string, text []byte, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", repo}, args...)...)
	cmd.Stdin = strings.NewReader(string(text))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// Whatever is at the refs of turns, others publish and pull past it: tables and rows
// that nobody takes, another federation, what is too large, what is no database, and
// names of nobody. Each is told once, stays where it is, and an honest turn beside it is
// taken.
func TestHostileTurnsStopNobody(t *testing.T) {
	t.Parallel()
	a, b, m, url := trio(t)
	next := func(name string) *testTown {
		c := m.copied(filepath.Join(tempDir(t), name))
		c.continues()
		return c
	}
	for name, statement := range map[string]string{
		"table": "CREATE TABLE notes (a INT PRIMARY KEY)", "trigger": "CREATE TRIGGER tr BEFORE INSERT ON roles FOR EACH ROW SET NEW.author = 'me'",
		"row": "INSERT INTO roles VALUES ('Not a name', 'x', '', 1, 'me', 'Ada')", "large": "UPDATE templates SET text = REPEAT('x', 2000000)",
		"archive": "INSERT INTO archive VALUES ('role', 'mayor', 'no digest', '', 'x')",
	} {
		c := next(name)
		c.opts.ID = town.ID("id-" + name)
		c.sql(statement)
		c.leaveUnchecked(url)
	}
	// Another federation.
	other := bare(t)
	newTown(t, filepath.Join(tempDir(t), "other"), "other").init(other)
	git(t, url, "fetch", "-q", other, dataRef+":refs/dolt/turns/id-foreign")
	// Trees that are no database, or too large a one.
	blob := func(text []byte) string { return object(t, url, text, "hash-object", "-w", "--stdin") }
	tree := func(entries string) string { return object(t, url, []byte(entries), "mktree") }
	commit := func(tree string) string {
		return git(t, url, "commit-tree", "-m", "x\n\nGt-Turn: since=999999999", tree)
	}
	data := git(t, url, "rev-parse", dataRef)
	var many strings.Builder
	one := blob([]byte("x"))
	for i := range 5000 {
		fmt.Fprintf(&many, "100644 blob %s\t%032d\n", one, i)
	}
	for name, at := range map[string]string{
		"id-nothing": commit(tree("")), "id-giant": commit(tree("100644 blob " + blob(make([]byte, 2<<20)) + "\tmanifest\n")),
		"id-many": commit(tree(many.String())), "id-text": one, "id-tree": tree(""), "id-named-twice.ledger": data, "id-x.ledger.ledger": data,
		"a/b/c": data, "-dash": data, "id-" + strings.Repeat("x", 80): data, "ü": data, "id-nothing.ledger": commit(tree("")),
		"id-link": commit(tree("120000 blob " + blob([]byte("/etc/passwd")) + "\tmanifest\n")),
	} {
		git(t, url, "update-ref", "refs/dolt/turns/"+name, at)
	}
	planted := strings.Fields(waitingAt(t, url))

	b.write("templates/betas.md", "beta\n")
	b.leaveTurn(url)
	a.write("templates/alphas.md", "alpha\n")
	told := a.push(url)
	notes := strings.Join(told.Recorded.Notes, "\n")
	for _, name := range []string{"id-table", "id-row", "id-large", "id-foreign", "id-nothing", "id-giant"} {
		if !strings.Contains(notes, "refs/dolt/turns/"+name+" of origin") {
			t.Errorf("nobody was told of %s:\n%s", name, notes)
		}
	}
	if strings.ContainsAny(notes, "\x1b\x00") {
		t.Errorf("%q", notes)
	}
	for range 2 {
		a.write("templates/alphas.md", a.read("templates/alphas.md")+"more\n")
		if out := a.push(url); out.Attempts > 2 {
			t.Errorf("%d attempts past turns that are known", out.Attempts)
		}
		b.sync(url)
	}
	settle(t, url, a, b)
	a.want("templates/betas.md", "beta\n")
	for _, ref := range planted {
		if !strings.Contains(waitingAt(t, url)+"\n", ref+"\n") && ref != "refs/dolt/turns/id-beta" {
			t.Errorf("%s was removed", ref)
		}
	}
	if rows := a.rows(); len(rows) == 0 || contains(rows["roles"], "Not a name") {
		t.Errorf("%v", rows["roles"])
	}
}

// A repair of a remote leaves the turns that wait, and whoever publishes next takes
// them. The remote is broken in each of two ways.
func TestRepairWhileTurnsWait(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"content", "git"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			a, b, m, url := trio(t)
			b.write("templates/betas.md", "beta\n")
			b.leaveTurn(url)
			if way == "content" {
				m.sql("CREATE TABLE notes (a INT PRIMARY KEY)")
				m.publishUnchecked(url)
			} else {
				bad := git(t, url, "commit-tree", "-m", "broken", "-p", dataRef, object(t, url, nil, "mktree"))
				git(t, url, "update-ref", dataRef, bad)
			}
			a.stuck(url)
			a.repaired(url)
			if left := waitingAt(t, url); !strings.Contains(left, "id-beta") {
				t.Errorf("the turn is gone: %q", left)
			}
			a.write("templates/alphas.md", "alpha\n")
			a.push(url)
			a.want("templates/betas.md", "beta\n")
			settle(t, url, a, b, m)
			for _, tt := range []*testTown{a, b, m} {
				tt.want("templates/betas.md", "beta\n")
				tt.want("templates/alphas.md", "alpha\n")
			}
			if left := waitingAt(t, url); left != "" {
				t.Errorf("still waiting: %s", left)
			}
			if err := os.RemoveAll(a.opts.Layout.Retired()); err != nil {
				t.Error(err)
			}
		})
	}
}
