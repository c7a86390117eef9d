package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"gastown/e2e/internal/depot"
	"gastown/e2e/stockdolt"
	"gastown/planes/doltdb"
	"gastown/planes/federation"
	"gastown/sync/federate"
	"gastown/town"
	"gastown/town/layout"
)

// foreignWriters are the authors of the commits that changed a document.
func foreignWriters(t *testing.T, tt *depot.Town, key town.Key) (list []string) {
	t.Helper()
	err := tt.Engine.Read(t.Context(), func(s *federation.Store) error {
		entries, err := s.LogOf(t.Context(), key, 10)
		for _, e := range entries {
			list = append(list, e.Author)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// The stock command writes into a Town's own plane, with and without a commit: files
// show it, other Towns get it, and the history of the documents tells who wrote what.
func TestForeignStockInTheTownsPlane(t *testing.T) {
	t.Parallel()
	a, b, _ := depot.Pair(t)
	stock, err := stockdolt.New(t.Context(), filepath.Join(t.TempDir(), "home"))
	if err != nil {
		t.Fatal(err)
	}
	plane := layout.Town{Root: a.Dir}.Data(layout.Federation)
	dolt := func(args ...string) {
		t.Helper()
		if _, err := stock.Run(t.Context(), plane, args...); err != nil {
			t.Fatal(err)
		}
	}
	committed, loose := depot.Role("mayor", "committed by stock dolt"), "not committed\n"
	dolt("sql", "-q", "UPDATE roles SET text = "+depot.Quote(committed)+" WHERE name = 'mayor'")
	dolt("commit", "-a", "-m", "by hand", "--author", "Ada <ada@example.com>")
	dolt("sql", "-q", "UPDATE templates SET text = "+depot.Quote(loose)+" WHERE name = 'bug.md'")
	b.Write("formulas/build.formula.toml", depot.Formula("build", "1.1.0", "beta's"))
	b.MustPush()
	a.MustSync()
	b.MustSync()
	a.MustSync()
	for _, tt := range []*depot.Town{a, b} {
		if tt.Read("roles/mayor.md") != committed || tt.Read("templates/bug.md") != loose {
			t.Errorf("%s shows %v", tt.Name, tt.Files())
		}
		interopMended(t, tt)
		if got := foreignWriters(t, tt, town.Key{Kind: town.KindRole, Name: "mayor"}); len(got) < 2 || got[0] != "Ada" {
			t.Errorf("%s: writers of the role: %q", tt.Name, got)
		}
		if got := foreignWriters(t, tt, town.Key{Kind: town.KindTemplate, Name: "bug.md"}); len(got) < 2 || got[0] != doltdb.Uncommitted.Name {
			t.Errorf("%s: writers of the template: %q", tt.Name, got)
		}
	}
	hostileEqual(t, "rows of the other Town", a.Rows(), b.Rows())
}

// The stock command pushes what no Town can take. Another Town repairs the remote, and
// everybody goes on: the Town that stood still, and the stock command itself.
func TestForeignRepairAfterTheStockCommand(t *testing.T) {
	t.Parallel()
	a, b, repo := depot.Pair(t)
	a.MustPull()
	stock := depot.NewWorkshop(t, "git+file://"+repo)
	stock.SQL("CREATE TABLE extra (a INT PRIMARY KEY); CALL DOLT_COMMIT('-A', '-m', 'extra');\n" +
		"UPDATE roles SET text = " + depot.Quote(depot.Role("mayor", "by SQL")) + " WHERE name = 'mayor';\n" +
		"INSERT INTO archive VALUES ('role', 'mayor', 'no digest', '', 'x'); CALL DOLT_COMMIT('-A', '-m', 'more');")
	stock.Dolt("push", "origin", "main")
	b.Write("roles/own.md", depot.Role("own", "beta's"))
	if _, err := b.Sync(t.Context(), b.Remote, false); err == nil || !strings.Contains(town.Next(err), "gt federation repair origin") {
		t.Fatalf("sync: %v [next: %s]", err, town.Next(err))
	}
	out, err := a.RepairRemote(t.Context(), a.Remote, false, func(federate.Repair) error { return nil })
	if err != nil || len(out.Parts) != 1 || out.Parts[0].GoneTotal != 2 || out.Parts[0].Commits != 2 || out.Parts[0].Kept != 1 {
		t.Fatalf("repair: %+v, %v", out, err)
	}
	for range 2 {
		b.MustSync()
		a.MustSync()
	}
	for _, tt := range []*depot.Town{a, b} {
		if tt.Read("roles/mayor.md") != depot.Role("mayor", "by SQL") || tt.Read("roles/own.md") != depot.Role("own", "beta's") {
			t.Errorf("%s shows %v", tt.Name, tt.Files())
		}
	}
	hostileEqual(t, "rows of the other Town", a.Rows(), b.Rows())
	stock.Dolt("pull", "origin", "main")
	if out := stock.SQL("SHOW TABLES"); strings.Contains(out, "extra") {
		t.Errorf("the stock command still has %s", out)
	}
	kept := depot.NewWorkshop(t, "git+file://"+out.Copy)
	if tables := kept.SQL("SHOW TABLES"); !strings.Contains(tables, "extra") {
		t.Errorf("the copy of what was there has %s", tables)
	}
}
