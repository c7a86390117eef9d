package e2e

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"gastown/e2e/gitserver"
	"gastown/e2e/internal/depot"
	"gastown/planes/federation"
	"gastown/sync/gitremote"
	"gastown/town"
)

// interopCount is how many rows a query of the stock command returns.
func interopCount(w *depot.Workshop, table string) string {
	out := w.SQL("SELECT COUNT(*) AS n FROM " + table)
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(out), "n"))
}

// interopMended fails if a row's digest does not match its content.
func interopMended(t *testing.T, tt *depot.Town) {
	t.Helper()
	err := tt.Engine.Read(t.Context(), func(s *federation.Store) error {
		commit, err := s.Mend(t.Context(), "", "HEAD")
		if commit != "" {
			t.Errorf("%s: some rows had not the digest their content calls for", tt.Name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The stock command clones what a Town publishes, changes it by plain SQL, and
// pushes; Towns take that, and the stock command pulls what they push on top.
func TestInteropStockClonesPullsAndPushes(t *testing.T) {
	t.Parallel()
	a, b, repo := depot.Pair(t)
	stock := depot.NewWorkshop(t, "git+file://"+repo)
	if got := interopCount(stock, "towns"); got != "2" {
		t.Errorf("the clone has %s Towns", got)
	}

	text := depot.Role("mayor", "rewritten by SQL")
	stock.SQL("UPDATE roles SET text = " + depot.Quote(text) + " WHERE name = 'mayor';\n" +
		"INSERT INTO templates VALUES ('note.txt', 1, 'by SQL\n', 0, '', 1, 'stock', 'Stock <stock@localhost>');\n" +
		"CALL DOLT_COMMIT('-A', '-m', 'by hand');")
	stock.Dolt("push", "origin", "main")
	// One Town has nothing of its own, the other edits meanwhile and pushes.
	out := b.MustPull()
	if out.Commits != 1 || out.Documents != 2 {
		t.Errorf("pull of what the stock command pushed: %+v", out)
	}
	a.Write("formulas/build.formula.toml", depot.Formula("build", "1.1.0", "edited"))
	if out := a.MustPush(); out.Pulled == nil || out.Pulled.Documents != 2 {
		t.Errorf("push over what the stock command pushed: %+v", out)
	}
	for range 2 {
		a.MustSync()
		b.MustSync()
	}
	for _, tt := range []*depot.Town{a, b} {
		if tt.Read("roles/mayor.md") != text || tt.Read("templates/note.txt") != "by SQL\n" {
			t.Errorf("%s has not the texts written by SQL: %v", tt.Name, tt.Files())
		}
		if rows := tt.Rows(); !depot.Has(rows["archive"], "role|mayor|"+string(town.ContentDigest(depot.Role("mayor", "starter")))) {
			t.Errorf("%s: the text that SQL replaced is not archived: %v", tt.Name, rows["archive"])
		}
		interopMended(t, tt)
	}
	hostileEqual(t, "rows of the other Town", a.Rows(), b.Rows())

	stock.Dolt("pull", "origin", "main")
	if got := stock.SQL("SELECT version FROM formulas WHERE name = 'build'"); strings.TrimSpace(got) != "version\n1.1.0" {
		t.Errorf("the stock command pulled %q", got)
	}
	again := depot.NewWorkshop(t, "git+file://"+repo)
	if got := interopCount(again, "templates"); got != "2" {
		t.Errorf("a second clone has %s issues of templates", got)
	}
}

// Two Towns join a repository that the stock command created from a dump of a Town's
// store: an unrelated Town, and the Town of that dump.
func TestInteropRepositoryTheStockCommandCreated(t *testing.T) {
	t.Parallel()
	first := depot.Bare(t)
	root := t.TempDir()
	a := depot.New(t, filepath.Join(root, "a"), "alpha", first)
	a.Write("roles/extra.md", depot.Role("extra", "alpha's"))
	a.MustInit()
	source := depot.NewWorkshop(t, "git+file://"+first)
	source.Dolt("dump", "--result-format", "sql", "--file-name", filepath.Join(root, "dump.sql"), "--no-create-db")

	repo := filepath.Join(t.TempDir(), "second.git")
	if err := gitserver.Bare(t.Context(), repo, gitserver.BareOptions{FirstCommit: true}); err != nil {
		t.Fatal(err)
	}
	stock := depot.NewWorkshop(t, "")
	stock.Dolt("sql", "--file", filepath.Join(root, "dump.sql"))
	stock.SQL("INSERT INTO roles VALUES ('plain', " + depot.Quote(depot.Role("plain", "by SQL")) + ", '', 0, '', '');\n" +
		"CALL DOLT_COMMIT('-A', '-m', 'from a dump');")
	stock.Dolt("remote", "add", "origin", "git+file://"+repo)
	stock.Dolt("push", "origin", "main")

	b := depot.New(t, filepath.Join(root, "b"), "beta", repo)
	if out := b.MustJoin(); out.Store != a.Store() {
		t.Errorf("join: %+v", out)
	}
	for _, role := range []string{"extra", "plain", "mayor"} {
		if b.Read("roles/"+role+".md") == "" {
			t.Errorf("role %s did not arrive", role)
		}
	}
	interopMended(t, b)

	// It has the same identity and an unrelated history.
	a.Remote.Name, a.Remote.URL = "second", repo
	a.Write("roles/late.md", depot.Role("late", "alpha's"))
	out := a.MustJoin()
	if out.Retired == "" {
		t.Errorf("the former store was not kept: %+v", out)
	}
	if a.Read("roles/plain.md") == "" || a.Read("roles/late.md") == "" {
		t.Errorf("files of the Town that joined its own dump: %v", a.Files())
	}
	b.MustSync()
	a.MustSync()
	b.MustSync()
	hostileEqual(t, "files of the other Town", a.Files(), b.Files())
	hostileEqual(t, "rows of the other Town", a.Rows(), b.Rows())
	stock.Dolt("pull", "origin", "main")
	if got := interopCount(stock, "towns"); got != "2" {
		t.Errorf("the stock command pulled %s Towns", got)
	}
}

// interopDocuments makes a database of more than 50 MiB, also compressed, which Git
// hosts refuse as one blob. Its texts are random and lack the characters between the
// name of a secret and its value, so that nothing looks like a secret by chance.
func interopDocuments(tt *depot.Town) int {
	const count, size = 65, 1<<20 - 16
	var alphabet []byte
	for c := byte(' '); c <= '~'; c++ {
		if !strings.ContainsRune(":=>|,", rune(c)) {
			alphabet = append(alphabet, c)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range count {
		text := make([]byte, size)
		for j := range text {
			text[j] = alphabet[random.IntN(len(alphabet))]
		}
		tt.Write(fmt.Sprintf("templates/large-%d.txt", i), string(text))
	}
	return count
}

// interopParts lists the sizes of the parts of table files on a ref.
func interopParts(t *testing.T, repo string) (parts []string) {
	t.Helper()
	for line := range strings.Lines(depot.Git(t, repo, "", "ls-tree", "-r", "-l", depot.Ref)) {
		f := strings.Fields(line)
		if strings.Contains(f[4], "/") {
			parts = append(parts, f[3])
		}
		if len(f[3]) > 8 || len(f[3]) == 8 && f[3] > "52428800" {
			t.Errorf("a blob of %s bytes: %s", f[3], f[4])
		}
	}
	return parts
}

// Table files above 50 MiB are stored on the ref in parts, whether gt or the stock
// command wrote them.
func TestInteropLargeTableFiles(t *testing.T) {
	t.Parallel()
	repo := depot.Bare(t)
	root := t.TempDir()
	a := depot.New(t, filepath.Join(root, "a"), "alpha", repo)
	count := interopDocuments(a)
	a.MustInit()
	if parts := interopParts(t, repo); len(parts) < 2 {
		t.Fatalf("a Town wrote parts of %v bytes", parts)
	}
	stock := depot.NewWorkshop(t, "git+file://"+repo)
	if got, want := interopCount(stock, "templates"), fmt.Sprint(count+1); got != want {
		t.Errorf("the stock command read %s of %s templates", got, want)
	}

	second := filepath.Join(t.TempDir(), "second.git")
	if err := gitserver.Bare(t.Context(), second, gitserver.BareOptions{FirstCommit: true}); err != nil {
		t.Fatal(err)
	}
	stock.Dolt("remote", "add", "second", "git+file://"+second)
	stock.Dolt("push", "second", "main")
	parts := interopParts(t, second)
	if len(parts) < 2 {
		t.Fatalf("the stock command wrote parts of %v bytes", parts)
	}
	b := depot.New(t, filepath.Join(root, "b"), "beta", second)
	b.MustJoin()
	hostileEqual(t, "files through the stock command", a.Files(), b.Files())
	// A small change is sent as one file, and the parts remain.
	b.Write("templates/small.txt", "small\n")
	if out := b.MustPush(); out.Sent > 1<<20 {
		t.Errorf("a small push sent %d bytes", out.Sent)
	}
	if now := interopParts(t, second); fmt.Sprint(now) != fmt.Sprint(parts) {
		t.Errorf("parts are %v now, were %v", now, parts)
	}
}

// The stock command reads and writes a federation that is on branches.
func TestInteropStockReadsBranches(t *testing.T) {
	t.Parallel()
	repo := depot.Bare(t)
	root := t.TempDir()
	a := depot.New(t, filepath.Join(root, "a"), "alpha", repo)
	a.Remote.Space = gitremote.SpaceBranches
	a.MustInit()
	ref := a.Remote.Space.Data()
	stock := depot.NewWorkshop(t, "git+file://"+repo, "--ref", ref)
	text := depot.Role("mayor", "rewritten by SQL")
	stock.SQL("UPDATE roles SET text = " + depot.Quote(text) + " WHERE name = 'mayor';\n" +
		"CALL DOLT_COMMIT('-A', '-m', 'by hand');")
	stock.Dolt("push", "origin", "main")
	if out := a.MustPull(); out.Commits != 1 || a.Read("roles/mayor.md") != text {
		t.Errorf("pull of what the stock command pushed: %+v", out)
	}
	a.Write("roles/mayor.md", depot.Role("mayor", "edited"))
	a.MustPush()
	stock.Dolt("pull", "origin", "main")
	if out := stock.SQL("SELECT text FROM roles WHERE name = 'mayor'"); !strings.Contains(out, "edited") {
		t.Errorf("the stock command has %s", out)
	}
	// A clone that was made before the refs moved takes them like this.
	stock.Dolt("remote", "add", "branches", "git+file://"+repo, "--ref", ref)
	stock.Dolt("fetch", "branches")
	if refs := depot.Git(t, repo, "", "for-each-ref", "--format=%(refname)"); strings.Contains(refs, "refs/dolt/") {
		t.Errorf("the repository has %s", refs)
	}
}
